import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archloom.graph import OPS, GraphBuilder, check, infer_shapes, output_shapes
from archloom.tasks.rewiring import ancestors, cut_behind, padded_before, without
from strategies import networks


def reaching(graph, node):
    """All nodes with a path to ``node``, found the slow way."""
    found, todo = set(), [node]
    while todo:
        if (last := todo.pop()) not in found:
            found.add(last)
            todo += graph.predecessors(last).tolist()
    return sorted(found)


@given(networks(), st.data())
def test_a_cut_keeps_what_its_ends_need_and_nothing_else(graph, data):
    end = data.draw(st.integers(0, graph.n_nodes - 1))
    assert ancestors(graph, [end]).tolist() == reaching(graph, end)
    part = cut_behind(graph, [end])
    check(part)
    assert part.n_nodes == len(reaching(graph, end)) + 1
    (sink,) = part.sinks
    np.testing.assert_array_equal(output_shapes(part)[sink], output_shapes(graph)[end])
    assert set(part.ids[:-1]) <= set(graph.ids)
    assert part.ids[-1] not in graph.ids
    assert part.hash == infer_shapes(part).hash


@given(networks())
def test_nodes_that_pass_their_input_on_can_go(graph):
    gone = graph.op == OPS.code("identity")
    kept = without(graph, gone)
    check(kept)
    assert kept.n_nodes == graph.n_nodes - gone.sum()
    np.testing.assert_array_equal(kept.ids, graph.ids[~gone])


def test_a_chain_of_nodes_goes_at_once():
    b = GraphBuilder()
    x = b.unary("identity", b.unary("identity", b.input(4, 4, 2)))
    b.output(b.add([x, b.unary("relu", x)]))
    kept = without(graph := b.build(), graph.op == OPS.code("identity"))
    assert [kept.op_name(node) for node in kept.order] == ["input", "relu", "add", "output"]
    assert kept.edges.tolist() == [[0, 1], [0, 2], [1, 2], [2, 3]]


@given(networks())
def test_padding_before_the_output_makes_it_larger(graph):
    grown = infer_shapes(padded_before(graph, graph.sinks, pixels=2))
    check(grown)
    change = output_shapes(grown)[grown.sinks] - output_shapes(graph)[graph.sinks]
    assert change.tolist() == [[4, 4, 0]]
    assert len(np.unique(grown.ids)) == graph.n_nodes + 1
