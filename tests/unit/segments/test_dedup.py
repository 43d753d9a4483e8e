from collections import Counter

import numpy as np
import pytest

from archloom.graph import OPS, Graph
from archloom.segments.canonical import canonical_form
from archloom.segments.dedup import Topology, fold, isomorphism, topology_hashes
from archloom.segments.pattern import STATE, cut
from archloom.segments.tokeniser import Segmentation


def bipartite(cycles: list[int]) -> Graph:
    """Relus above adds, joined to cycles of the given numbers of relus; each add has two operands.

    Colour refinement cannot tell one cycle of four from two of two, or any other division.
    """
    n = sum(cycles)
    sources, first = [], 0
    for length in cycles:
        sources += [[first + k, first + (k + 1) % length] for k in range(length)]
        first += length
    return Graph.from_arrays(
        op=[OPS.code("relu")] * n + [OPS.code("add")] * n,
        in_ptr=[0] * n + [2 * k for k in range(n + 1)],
        in_src=np.array(sources).reshape(-1),
        resolution=np.full((2 * n, 6), 8),
    )


def topology(graph: Graph, order=None, **facts) -> Topology:
    """``graph`` as one segment, in canonical order unless ``order`` is given."""
    index = (
        np.arange(graph.n_nodes, dtype=np.int32) if order is None else np.asarray(order, np.int32)
    )
    starts = np.array([0, graph.n_nodes], dtype=np.int32)
    pattern = cut(graph, Segmentation(index, starts, (1,) * graph.n_nodes))[0]
    form = canonical_form(pattern) if order is None else pattern
    facts = {"frequency": Counter(a=1), "instances": Counter({form.states: 1})} | facts
    return Topology("segment", form.nodes, form.edges, **facts)


def test_equal_hashes_of_different_segments_are_told_apart():
    one, two = topology(bipartite([4])), topology(bipartite([2, 2]))
    assert len(set(topology_hashes([one, two]))) == 1
    assert isomorphism(one, two) is None
    assert len(fold([one, two])) == 2


def test_one_segment_under_two_forms_is_joined():
    """Nodes on the long cycle and on the short ones share a colour but are not equivalent."""
    graph = bipartite([4, 2, 2])
    other_order = [*range(4, 8), *range(4), *range(12, 16), *range(8, 12)]
    first, second = topology(graph), topology(graph, other_order)
    assert (first.nodes, first.edges) != (second.nodes, second.edges)
    folded = fold([first, second])
    assert len(folded) == 1
    assert folded[0].frequency == Counter(a=2)
    assert list(folded[0].instances.values()) == [2]
    assert fold([second, first]) == folded


def test_joined_instances_keep_their_states_at_the_right_nodes():
    graph = bipartite([4, 2, 2])
    sizes = np.full((16, 6), 8)
    sizes[4] = 32
    graph = graph.replace(resolution=sizes.astype(np.int32))
    other_order = [*range(4, 8), *range(4), *range(12, 16), *range(8, 12)]
    (joined,) = fold([topology(graph), topology(graph, other_order)])
    assert list(joined.instances.values()) == [2]
    marked = np.frombuffer(next(iter(joined.instances)), dtype=STATE)["resolution"][:, 0] == 32
    found = joined.pattern(next(iter(joined.instances))).graph()
    target = found.out_dst[found.out_ptr[np.flatnonzero(marked)[0]]]
    below = {int(p) for p in found.predecessors(int(target))}
    shared = [set(found.out_dst[found.out_ptr[p] : found.out_ptr[p + 1]].tolist()) for p in below]
    assert shared[0] == shared[1]  # the marked node lies on a cycle of two


def test_instances_equal_by_symmetry_are_joined():
    graph = bipartite([4])
    sizes = np.full((2, 8, 6), 8, dtype=np.int32)
    sizes[0, 0], sizes[1, 2] = 16, 16
    entries = [topology(graph.replace(resolution=rows), range(8)) for rows in sizes]
    (joined,) = fold(entries)
    assert list(joined.instances.values()) == [2]


def test_fold_adds_counts_and_keeps_its_arguments():
    graph = bipartite([2])
    entries = [
        topology(graph, frequency=Counter(a=2), tokens={(1, 2)}, example="b"),
        topology(graph, frequency=Counter(a=1, b=4), tokens={(3, 4)}, example="a"),
    ]
    (joined,) = fold(entries)
    assert joined.frequency == Counter(a=3, b=4)
    assert joined.tokens == {(1, 2), (3, 4)}
    assert joined.example == "a"
    assert entries[0].frequency == Counter(a=2)
    assert entries[0].hash == ""


@pytest.mark.parametrize("unit", ["op", "segment"])
def test_units_are_kept_apart(unit):
    one, other = topology(bipartite([2])), topology(bipartite([2]))
    other.unit = unit
    assert len(fold([one, other])) == (1 if unit == "segment" else 2)
