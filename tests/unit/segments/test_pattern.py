import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archloom.graph import GraphBuilder, is_isomorphic
from archloom.segments.pattern import cut
from archloom.segments.tokeniser import Segmentation

FIELDS = ("op", "kernel", "stride", "dilation", "padding", "pads", "bias", "resolution")


def test_patterns_are_the_induced_subgraphs_in_order(networks, tokeniser):
    for graph in networks:
        segmentation = tokeniser.segment(graph)
        patterns = cut(graph, segmentation)
        assert len(patterns) == segmentation.n_groups
        for k, pattern in enumerate(patterns):
            nodes = segmentation.group(k)
            expected, found = graph.subgraph(nodes), pattern.graph()
            for field in FIELDS:
                assert np.array_equal(getattr(found, field), getattr(expected, field)), field
            assert sorted(map(tuple, found.edges.tolist())) == sorted(
                map(tuple, expected.edges.tolist())
            )


def test_a_concat_takes_its_summed_channels_whatever_was_stored():
    b = GraphBuilder()
    x = b.input(8, 8, 4)
    b.output(b.concat([x, b.unary("relu", x)]))
    graph = b.build()
    resolution = graph.resolution.copy()
    resolution[2, 4] = 4
    first_operand = graph.replace(resolution=resolution)
    one_group = Segmentation(graph.order, np.array([0, 4], dtype=np.int32), (1, 1, 1, 1))
    assert cut(graph, one_group) == cut(first_operand, one_group)
    assert cut(graph, one_group)[0].graph().resolution[2].tolist() == [8, 8, 8, 8, 8, 8]


def test_operand_order_is_not_kept():
    found = []
    for swap in (False, True):
        b = GraphBuilder()
        x = b.input(8, 8, 4)
        operands = [x, b.unary("relu", x)]
        b.concat(operands[::-1] if swap else operands)
        graph = b.build()
        found += cut(graph, Segmentation(graph.order, np.array([0, 3], dtype=np.int32), (1, 1, 1)))
    assert found[0] == found[1]


@given(st.permutations(range(5)))
def test_reordering_gives_an_isomorphic_pattern_and_can_be_undone(order):
    b = GraphBuilder()
    x = b.input(8, 8, 4)
    b.add([b.conv(x, 4), b.unary("relu", b.conv(x, 4, 1))])
    graph = b.build()
    bounds = np.array([0, 5], dtype=np.int32)
    (pattern,) = cut(graph, Segmentation(graph.order, bounds, (1,) * 5))
    other = pattern.reordered(order)
    assert is_isomorphic(other.graph(), pattern.graph())
    assert other.reordered(np.argsort(order).tolist()) == pattern
