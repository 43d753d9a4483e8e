"""Validation: each rule names the node, says what is wrong and what to do."""

import numpy as np
import pytest
from hypothesis import given

from archloom.errors import GraphError
from archloom.graph import OPS, Graph, GraphBuilder, check, is_valid
from strategies import networks, segments


def network() -> Graph:
    """input 0, conv 1 (stride 2), relu 2, conv 3 (skip), add 4, mean 5, output 6."""
    b = GraphBuilder(name="net")
    x = b.input(8, 8, 3)
    main = b.unary("relu", b.conv(x, 4, 3, 2))
    b.output(b.unary("mean", b.add([main, b.conv(x, 4, 1, 2)])))
    return b.build()


def changed(field: str, index: object, value: object) -> Graph:
    graph = network()
    array = getattr(graph, field).copy()
    array[index] = value
    return graph.replace(**{field: array})


@given(networks())
def test_what_the_builder_makes_is_valid(graph):
    check(graph)


@given(segments())
def test_parts_of_a_network_pass_as_segments_where_nothing_was_cut_from_a_merge(graph):
    cut = graph.in_degree[np.isin(graph.op, [OPS.code("concat")])]
    if (cut != 1).all():
        check(graph, network=False)


BROKEN = {
    "size": (("resolution", (1, 5), 0), "node 1 (conv) has the resolution (8", "at least 1"),
    "stride": (("stride", (1, 0), 0), "node 1 (conv) has stride (0, 2)", "at least 1"),
    "dilation": (("dilation", (3, 1), -1), "dilation (1, -1)", "at least 1"),
    "kernel": (("kernel", 1, 0), "node 1 (conv) has the window (0, 0)", "needs a kernel"),
    "spatial": (("resolution", (2, 0), 9), "node 2 (relu) takes (9, 4)", "run infer_shapes"),
    "channels": (("resolution", (2, 4), 7), "node 2 (relu) stores (7,)", "run infer_shapes"),
    "output": (("resolution", (6, 1), 3), "node 6 (output) stores the output (3, 1, 4)", "fix"),
    "arithmetic": (("stride", 1, 1), "node 1 (conv) stores the output (4, 4, 4)", "fix stride"),
    "source": (("op", 0, OPS.code("relu")), "node 0 (relu) is a source", "input node"),
    "sink": (("op", 6, OPS.code("relu")), "node 6 (relu) is a sink", "output node"),
    "cycle": (("in_src", 0, 4), "cycle", "remove the edge"),
}


@pytest.mark.parametrize(("change", "found", "remedy"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_named_with_node_and_remedy(change, found, remedy):
    graph = changed(*change)
    with pytest.raises(GraphError) as error:
        check(graph)
    assert all(part in str(error.value) for part in (found, remedy, "'net'"))
    assert not is_valid(graph)


def test_sources_that_are_no_inputs_are_fine_for_a_segment_only():
    part = network().subgraph([1, 2, 3, 4], name="part")
    check(part, network=False)
    with pytest.raises(GraphError, match=r"'part': node 0 \(conv\) is a source of the network"):
        check(part)


def test_a_network_may_have_several_inputs_and_outputs():
    b = GraphBuilder()
    x, y = b.input(8, 8, 3), b.input(8, 8, 3)
    b.output(b.add([x, y]))
    b.output(b.conv(y, 4))
    check(b.build())


def test_an_empty_graph_is_refused():
    with pytest.raises(GraphError, match="no nodes"):
        check(network().subgraph([]))


@pytest.mark.parametrize("broken", ["relu", "conv"])
def test_sums_of_different_sizes_are_refused_by_the_builder(broken):
    b = GraphBuilder(name="net")
    x = b.input(8, 8, 3)
    y = b.conv(x, 3, 3, 2) if broken == "conv" else b.conv(x, 5, 1)
    with pytest.raises(GraphError, match="add of operands"):
        b.add([x, y])
