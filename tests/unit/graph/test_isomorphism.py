"""Exact isomorphism, and that the hash agrees with it."""

from hypothesis import given

from archloom.graph import GraphBuilder, is_isomorphic
from strategies import networks, renumbered_networks


@given(renumbered_networks())
def test_a_renumbered_graph_is_isomorphic(pair):
    assert is_isomorphic(*pair)
    assert is_isomorphic(*pair, level="topology")


@given(networks(max_steps=4), networks(max_steps=4))
def test_equal_hashes_mean_isomorphic(first, second):
    assert is_isomorphic(first, second) == (first.hash == second.hash)


def test_resolution_separates_instances_not_topologies():
    graphs = []
    for size in (8, 16):
        b = GraphBuilder()
        b.output(b.conv(b.input(size, size, 3), 4))
        graphs.append(b.build())
    assert not is_isomorphic(*graphs)
    assert is_isomorphic(*graphs, level="topology")
