"""Topological orders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import Graph, autogo_order, disjoint_union, generation_order
from archloom.graph.order import depth_levels, weighted_first_rank
from archloom.spaces import nb201
from strategies import networks, segments


def diamond() -> Graph:
    """0 -> 1, 2; 1 -> 3; 2, 3 -> 4."""
    return Graph.from_arrays(
        op=[1, 3, 6, 6, 9],
        in_ptr=[0, 0, 1, 2, 3, 5],
        in_src=[0, 0, 1, 2, 3],
        resolution=np.ones((5, 6)),
    )


@given(segments())
def test_an_order_lists_every_node_once_and_sources_before_targets(graph):
    for order in (graph.order, autogo_order(graph)):
        place = np.argsort(order)
        assert sorted(order.tolist()) == list(range(graph.n_nodes))
        assert (place[graph.in_src] < place[graph.edge_dst]).all()


def test_a_node_enters_when_its_last_predecessor_is_processed():
    assert diamond().order.tolist() == [0, 1, 2, 3, 4]
    assert generation_order(diamond(), np.array([0, 2, 1, 3, 4])).tolist() == [0, 2, 1, 3, 4]


def test_weighted_nodes_rank_first():
    graph = diamond().subgraph([0, 2, 1, 3, 4])
    assert weighted_first_rank(graph).tolist() == [1, 2, 0, 3, 4]
    assert autogo_order(graph).tolist() == [0, 2, 1, 3, 4]


def test_shipped_files_are_stored_in_rank_order(shipped):
    for graph in shipped.values():
        assert weighted_first_rank(graph).tolist() == list(range(graph.n_nodes))
        np.testing.assert_array_equal(autogo_order(graph), graph.order)


@given(networks(), st.data())
def test_a_node_never_comes_before_a_shallower_generation_is_entered(graph, data):
    levels = depth_levels(graph)
    depth = np.empty(graph.n_nodes, dtype=int)
    for number, level in enumerate(levels):
        depth[level] = number
    assert sorted(np.concatenate(levels).tolist()) == list(range(graph.n_nodes))
    fed = graph.in_degree > 0
    deepest = np.maximum.reduceat(depth[graph.in_src], graph.in_ptr[:-1][fed])
    np.testing.assert_array_equal(depth[fed], deepest + 1)
    assert (depth[graph.order] == np.sort(depth)).all()


@given(networks(), st.integers(0, 2**16))
def test_levels_joined_are_the_order_for_any_rank(graph, seed):
    rank = np.random.default_rng(seed).permutation(graph.n_nodes)
    for chosen in (None, rank, weighted_first_rank(graph)):
        joined = np.concatenate(depth_levels(graph, chosen))
        np.testing.assert_array_equal(joined, generation_order(graph, chosen))


def test_members_of_a_large_union_keep_their_order():
    members = [*nb201.sample(12, 0, nb201.REDUCED), diamond(), nb201.sample(1, 1)[0]] * 2
    union, bounds = disjoint_union(members)
    assert union.n_nodes > 1024
    order = autogo_order(union)
    for start, stop, graph in zip(bounds.tolist(), bounds[1:].tolist(), members, strict=False):
        own = order[(order >= start) & (order < stop)] - start
        np.testing.assert_array_equal(own, autogo_order(graph))


def test_a_cycle_is_named():
    cyclic = diamond().replace(in_src=np.array([3, 0, 1, 2, 3], dtype=np.int32))
    with pytest.raises(GraphError, match=r"node 1 \(conv\) is on or behind a cycle"):
        _ = cyclic.order
    with pytest.raises(GraphError, match="cycle"):
        depth_levels(cyclic)
