"""Two-Path: the sampler's rules and ranges, the released graph, and plain PyTorch."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import check, flops, parameters
from archloom.io import read
from archloom.spaces import two_path
from reference_models.layers import assert_same_outputs
from reference_models.two_path import Network

RELEASED = (
    "conv5x5/2,conv5x5/2|double3x3+bottleneck-e2-k3,conv1x1+bottleneck-r2-k3/2,"
    "bottleneck-e2-k3+bottleneck-r2-k3+bottleneck-e2-k1,bottleneck-r2-k3/2"
)


def sampled(count, seed=0):
    return list(islice(two_path.architectures(seed), count))


@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_architectures_obey_the_rules(seed):
    for architecture in sampled(3, seed):
        paths = two_path.parse(architecture)
        assert two_path.format_paths(paths) == architecture
        assert len(paths) == 2
        for path in paths:
            assert 2 <= len(path) <= 4
            assert sum(reduces for _, reduces in path) == 2
            for operations, _ in path:
                assert 1 <= len(operations) <= 3
                assert sum(op in two_path.SUPPLEMENTARY_OPERATIONS for op in operations) <= 1
                assert any(op in two_path.CONV_OPERATIONS for op in operations)


def test_sampler_draws_every_choice_about_as_often_as_the_reference():
    paths = [path for text in sampled(3000) for path in two_path.parse(text)]
    lengths = Counter(len(path) for path in paths)
    assert all(abs(lengths[n] / len(paths) - 1 / 3) < 0.03 for n in (2, 3, 4))
    blocks = [operations for path in paths for operations, _ in path]
    sizes = Counter(map(len, blocks))
    assert all(abs(sizes[n] / len(blocks) - 1 / 3) < 0.02 for n in (1, 2, 3))
    pairs = [ops for ops in blocks if len(ops) == 2]
    extra = [ops for ops in pairs if set(ops) & set(two_path.SUPPLEMENTARY_OPERATIONS)]
    assert len(extra) / len(pairs) == pytest.approx(5 / 13, abs=0.02)
    first = sum(ops[0] in two_path.SUPPLEMENTARY_OPERATIONS for ops in extra)
    assert first / len(extra) == pytest.approx(0.5, abs=0.03)


def test_ranges_of_random_networks():
    graphs = two_path.sample(300, 0)
    counted = np.array([(parameters(g), flops(g, counter="mac")) for g in graphs]) / 1e6
    assert counted.mean(axis=0) == pytest.approx([2.27, 105], rel=0.05)
    low, high = counted.min(axis=0), counted.max(axis=0)
    assert low == pytest.approx([1.40, 60], rel=0.1)
    assert high == pytest.approx([4.51, 177], rel=0.15)


def test_paths_end_with_128_channels_at_4x4():
    graph = two_path.sample(1, 0)[0]
    concat = next(n for n in range(graph.n_nodes) if graph.op_name(n) == "concat")
    for node in graph.predecessors(concat):
        assert graph.resolution[node, [1, 3, 5]].tolist() == [4, 4, 128]


def test_released_graph_is_an_upstream_network(data_folder):
    released = read(data_folder / "autogo_cgs" / "two_path_best.json")
    graph = two_path.build(RELEASED, variant="upstream")
    assert flops(graph) == flops(released) == 116_200_468
    assert graph.hash == released.hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an operation"),
        ("conv3x3/2,conv3x3/2", "has 1 paths"),
        ("|".join(["conv3x3/2,conv3x3/2"] * 3), "has 3 paths"),
        ("conv3x3/2,conv3x3|conv3x3/2,conv3x3/2", "exactly 2"),
        ("conv1x1/2,conv3x3/2|conv3x3/2,conv3x3/2", "needs one of"),
        ("conv9x9/2,conv3x3/2|conv3x3/2,conv3x3/2", "not an operation"),
        ("conv3x3/2/2,conv3x3/2|conv3x3/2,conv3x3/2", "not an operation"),
    ],
)
def test_damaged_string_is_refused(text, message):
    with pytest.raises(GraphError, match=message):
        two_path.build(text)


@pytest.mark.parametrize("operation", two_path.OPERATIONS)
def test_output_with_each_operation_equals_plain_pytorch(operation):
    text = f"{operation}+conv3x3/2,conv3x3/2|conv3x3/2,conv5x5+{operation},conv3x3+{operation}/2"
    for variant in ("benchmark", "upstream"):
        compare(text, two_path.REDUCED, variant, training=False)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("architecture", [RELEASED, *sampled(2, seed=4)])
def test_output_of_full_networks_equals_plain_pytorch(architecture, training):
    compare(architecture, two_path.FULL, "benchmark", training)


def compare(architecture, skeleton, variant, training):
    graph = two_path.build(architecture, skeleton, variant)
    check(graph)
    channels = skeleton.shape[2]
    paths = [
        [(b.removesuffix("/2").split("+"), b.endswith("/2")) for b in path.split(",")]
        for path in architecture.split("|")
    ]
    activation = torch.nn.ReLU6 if variant == "benchmark" else None
    model = Network(paths, channels, skeleton.stem, skeleton.stem_stride, skeleton.head, activation)
    assert_same_outputs(model, graph, training)
