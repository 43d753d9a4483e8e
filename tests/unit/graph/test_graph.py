"""The graph type: building from arrays, derived structure, immutability, subgraphs."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import Graph, disjoint_union, member
from archloom.graph.graph import ARRAY_FIELDS, NODE_FIELDS
from strategies import assert_identical, networks, renumbered

TWO_NODES = {
    "op": [1, 2],
    "in_ptr": [0, 0, 1],
    "in_src": [0],
    "resolution": [[4, 4, 4, 4, 3, 3]] * 2,
}


@given(networks())
def test_from_arrays_gives_back_what_it_is_given(graph):
    arrays = {field: getattr(graph, field).tolist() for field in ARRAY_FIELDS}
    assert_identical(Graph.from_arrays(name=graph.name, family=graph.family, **arrays), graph)


def test_defaults_stand_for_a_node_without_a_window():
    graph = Graph.from_arrays(**TWO_NODES)
    assert graph.kernel.tolist() == [[0, 0]] * 2
    assert graph.stride.tolist() == graph.dilation.tolist() == [[1, 1]] * 2
    assert graph.padding.tolist() == [0, 0]
    assert graph.bias.tolist() == [False, False]
    assert graph.ids.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op": [1, 99]}, "node 1 has op code 99"),
        ({"op": [1, -1]}, "op code -1"),
        ({"op": [1, "conv"]}, "whole numbers"),
        ({"in_ptr": [0, 1, 1], "in_src": [7]}, "node 7"),
        ({"in_ptr": [0, 2, 1]}, "in_ptr"),
        ({"in_ptr": [0, 1]}, "in_ptr.*shape"),
        ({"resolution": [[1, 2, 3]] * 2}, "resolution.*shape"),
        ({"resolution": [[1, 2], [1]]}, "resolution.*different lengths"),
        ({"resolution": [[0.5] * 6] * 2}, "whole numbers"),
        ({"resolution": [[2**40] * 6] * 2}, "outside int32"),
        ({"resolution": None}, "needs the array 'resolution'"),
        ({"ids": [5, 5]}, "ids are not unique"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_arrays_are_refused_with_the_reason(change, message):
    with pytest.raises(GraphError, match=message):
        Graph.from_arrays(**{**TWO_NODES, **change})


@given(networks())
def test_successors_and_predecessors_tell_the_same_edges(graph):
    forward = {(s, t) for s, t in graph.edges.tolist()}
    pointer = graph.out_ptr.tolist()
    backward = {
        (node, int(target))
        for node in range(graph.n_nodes)
        for target in graph.out_dst[pointer[node] : pointer[node + 1]]
    }
    assert forward == backward
    assert graph.in_degree.sum() == graph.out_degree.sum() == graph.n_edges
    for node in range(graph.n_nodes):
        rows = graph.edges[graph.edge_dst == node]
        assert graph.predecessors(node).tolist() == rows[:, 0].tolist()


@given(networks())
def test_arrays_cannot_be_written(graph):
    for field in ARRAY_FIELDS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(graph, field)[...] = 0


@given(networks())
def test_replace_shares_what_it_does_not_change(graph):
    other = graph.replace(bias=~graph.bias)
    assert (other.bias != graph.bias).all()
    assert all(
        getattr(other, field) is getattr(graph, field) for field in ARRAY_FIELDS if field != "bias"
    )


@given(networks(), st.data())
def test_a_subgraph_keeps_nodes_ids_and_the_edges_between_them(graph, data):
    nodes = data.draw(
        st.lists(st.integers(0, graph.n_nodes - 1), min_size=1, unique=True), label="nodes"
    )
    part = graph.subgraph(nodes, name="part")
    for field in NODE_FIELDS:
        np.testing.assert_array_equal(getattr(part, field), getattr(graph, field)[nodes])
    kept = [(s, t) for s, t in graph.edges.tolist() if s in nodes and t in nodes]
    found = [(nodes[s], nodes[t]) for s, t in part.edges.tolist()]
    assert sorted(found) == sorted(kept)
    assert (part.name, part.family) == ("part", "")


@given(networks(), st.data())
def test_renumbering_back_is_the_identity_and_keeps_operand_order(graph, data):
    order = data.draw(st.permutations(range(graph.n_nodes)))
    other = renumbered(graph, order)
    assert_identical(renumbered(other, np.argsort(order).tolist()), graph)


@given(networks())
def test_a_graph_travels_to_another_process_with_its_hash_but_without_derived_arrays(graph):
    _ = graph.order, graph.hash, graph.out_dst
    state = graph.__getstate__()
    assert set(state) == {*ARRAY_FIELDS, "name", "family", "definitions", "ends", "shared", "hash"}
    copy = pickle.loads(pickle.dumps(graph))
    assert not {"order", "out_dst"} & set(vars(copy))
    assert copy.hash_is_known and copy.hash == graph.hash
    assert_identical(copy, graph)


@given(st.lists(networks(max_steps=4), min_size=1, max_size=4))
def test_a_disjoint_union_can_be_taken_apart_again(graphs):
    union, bounds = disjoint_union(graphs)
    assert union.n_edges == sum(graph.n_edges for graph in graphs)
    for graph, start, stop in zip(graphs, bounds, bounds[1:], strict=False):
        for part in (union.subgraph(np.arange(start, stop)), member(union, start, stop)):
            assert_identical(part.replace(name=graph.name, family=graph.family), graph)


def test_descriptions_name_graph_node_and_operation():
    graph = Graph.from_arrays(**TWO_NODES, name="tiny")
    assert graph.describe(1) == "graph 'tiny': node 1 (output)"
    assert repr(graph) == "<Graph 'tiny': 2 nodes, 1 edges>"
