"""Validation: each rule names the node, says what is wrong and what to do."""

import numpy as np
import pytest
from hypothesis import given
from strategies import networks, segments

from archloom.errors import GraphError
from archloom.graph import OPS, Graph, GraphBuilder, check, is_valid


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


@pytest.mark.parametrize(
    ("graph", "found", "remedy"),
    [
        (changed("resolution", (1, 5), 0), r"node 1 \(conv\) has the resolution \(8.*0\)", "at least 1"),
        (changed("stride", (1, 0), 0), r"node 1 \(conv\) has stride \(0, 2\)", "at least 1"),
        (changed("dilation", (3, 1), -1), r"node 3 \(conv\).*dilation \(1, -1\)", "at least 1"),
        (changed("kernel", 1, 0), r"node 1 \(conv\) has the window \(0, 0\)", "needs a kernel"),
        (changed("resolution", (2, 0), 9), r"node 2 \(relu\) takes \(9, 4\)", "infer_shapes"),
        (changed("resolution", (2, 4), 7), r"node 2 \(relu\) stores \(7,\) input channels", "infer"),
        (changed("resolution", (6, 1), 3), r"node 6 \(output\) stores the output \(3, 1, 4\)", "fix"),
        (changed("stride", 1, 1), r"node 1 \(conv\) stores the output \(4, 4, 4\).*\(8, 8, 4\)", "fix"),
        (changed("op", 0, OPS.code("relu")), r"node 0 \(relu\) is the source", "input node"),
        (changed("op", 6, OPS.code("relu")), r"node 6 \(relu\) is the sink", "output node"),
        (changed("in_src", 0, 4), "cycle", "remove the edge"),
    ],
    ids=["size", "stride", "dilation", "kernel", "spatial", "channels", "output", "arithmetic",
         "source", "sink", "cycle"],
)  # fmt: skip
def test_a_broken_rule_is_named_with_node_and_remedy(graph, found, remedy):
    with pytest.raises(GraphError, match=found) as error:
        check(graph)
    assert remedy in str(error.value)
    assert "'net'" in str(error.value)
    assert not is_valid(graph)


def test_several_sources_or_sinks_are_fine_for_a_segment_only():
    part = network().subgraph([1, 2, 3, 4], name="part")
    check(part, network=False)
    with pytest.raises(GraphError, match=r"'part' has 2 sources \(0 \(conv\), 2 \(conv\)\)"):
        check(part)


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
