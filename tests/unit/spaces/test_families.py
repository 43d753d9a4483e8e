"""What holds for every family: valid graphs, reproducible samples, names, renumbering."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import ConfigError
from archloom.graph import assemble, check, flops, graph_hashes, is_isomorphic, parameters
from archloom.spaces import FAMILIES, VARIANTS, architecture_of

FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
SEEDS = st.integers(0, 2**32 - 1)


def permuted(graph, seed):
    """The same graph with its nodes renumbered at random."""
    order = np.random.default_rng(seed).permutation(graph.n_nodes)
    position = np.argsort(order)
    source, target = position[graph.in_src], position[graph.edge_dst]
    return assemble(graph.take(order), source, target, definitions=graph.definitions)


@FAMILY
@settings(max_examples=10)
@given(seed=SEEDS, reduced=st.booleans(), variant=st.sampled_from(VARIANTS))
def test_samples_are_valid_networks(family, seed, reduced, variant):
    skeleton = family.REDUCED if reduced else family.FULL
    for graph in family.sample(2, seed, skeleton, variant):
        check(graph)
        assert graph.family == family.FAMILY
        assert flops(graph) > 0
        first, last = graph.resolution[graph.sources[0]], graph.resolution[graph.sinks[0]]
        assert tuple(first[[0, 2, 4]]) == skeleton.shape
        assert tuple(last[[1, 3, 5]]) == (1, 1, skeleton.classes)


@FAMILY
@settings(max_examples=6)
@given(seed=SEEDS)
def test_name_tells_how_to_build_the_graph_again(family, seed):
    graph = family.sample(1, seed, family.REDUCED, "upstream")[0]
    architecture = architecture_of(graph)
    assert graph.name == f"{architecture}@reduced@upstream"
    assert family.build(architecture, family.REDUCED, "upstream").hash == graph.hash
    assert family.build(architecture).name == architecture


@FAMILY
@settings(max_examples=6)
@given(seed=SEEDS)
def test_hash_survives_renumbering(family, seed):
    graph = family.sample(1, seed, family.REDUCED)[0]
    other = permuted(graph, seed)
    check(other)
    assert other.hash == graph.hash
    assert is_isomorphic(graph, other)


@FAMILY
def test_sample_is_distinct_and_its_start_does_not_depend_on_the_count(family):
    graphs = family.sample(60, 7)
    assert len(set(graph_hashes(graphs))) == 60
    assert [g.name for g in family.sample(25, 7)] == [g.name for g in graphs[:25]]
    assert [g.name for g in family.sample(25, 8)] != [g.name for g in graphs[:25]]


@FAMILY
def test_reduced_networks_are_the_same_architectures_far_smaller(family):
    full, reduced = (family.sample(20, 0, s) for s in (family.FULL, family.REDUCED))
    assert [architecture_of(g) for g in full] == [architecture_of(g) for g in reduced]
    for big, small in zip(full, reduced, strict=True):
        assert flops(big) > 10 * flops(small)
        assert parameters(big) > 3 * parameters(small)


@FAMILY
def test_unknown_variant_and_negative_count(family):
    architecture = architecture_of(family.sample(1, 0)[0])
    with pytest.raises(ConfigError, match="benchmark, upstream"):
        family.build(architecture, family.FULL, "torch")
    with pytest.raises(ConfigError, match="0 or more"):
        family.sample(-1, 0)


def test_samples_do_not_depend_on_the_process():
    code = (
        "from archloom.spaces import FAMILIES\n"
        "for f in FAMILIES.values(): print([g.name for g in f.sample(3, 5)])"
    )
    expected = "\n".join(str([g.name for g in f.sample(3, 5)]) for f in FAMILIES.values())
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == expected
