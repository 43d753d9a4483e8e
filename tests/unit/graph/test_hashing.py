"""The canonical hash: blind to numbering, names and ids, sharp for everything a node computes."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, graph_hash, graph_hashes, node_colours
from strategies import networks, renumbered_networks

LEVELS = ("instance", "topology")


def chain(
    *, kernel=3, stride=1, padding="same", bias=False, dilation=1, channels=4, size=8
) -> Graph:
    b = GraphBuilder()
    x = b.input(size, size, 2)
    x = b.conv(x, channels, kernel, stride, padding=padding, bias=bias, dilation=dilation)
    b.output(b.unary("relu", x))
    return b.build()


@pytest.mark.parametrize("level", LEVELS)
@given(pair=renumbered_networks())
def test_renumbering_keeps_the_hash(pair, level):
    graph, other = pair
    assert graph_hash(graph, level) == graph_hash(other, level)


@given(networks(), st.text(max_size=5), st.integers(1, 1000))
def test_names_families_and_ids_do_not_count(graph, name, shift):
    other = graph.replace(name=name, family=name + "x", ids=graph.ids + shift)
    assert other.hash == graph.hash


@pytest.mark.parametrize("level", LEVELS)
@given(graphs=st.lists(networks(max_steps=5), min_size=1, max_size=4))
def test_many_at_once_equals_one_by_one(graphs, level):
    assert graph_hashes(graphs, level) == [graph_hash(graph, level) for graph in graphs]


@pytest.mark.parametrize("level", LEVELS)
@given(graph=networks())
def test_node_by_node_and_level_by_level_give_the_same_colours(graph, level):
    one_way = node_colours(graph, level)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archloom.graph.hashing._FEW_NODES", 0)
        assert node_colours(graph, level).tolist() == one_way.tolist()


def test_no_graphs_have_no_hashes():
    assert graph_hashes([]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": 1},
        {"stride": 2},
        {"padding": "valid"},
        {"padding": 1},
        {"bias": True},
        {"dilation": 2},
        {"channels": 5},
        {"size": 9},
    ],
    ids=lambda change: next(iter(change)) + str(next(iter(change.values()))),
)
def test_every_attribute_counts(change):
    assert chain(**change).hash != chain().hash


@given(networks(), st.data())
def test_another_operation_at_one_node_gives_another_hash(graph, data):
    node = data.draw(st.integers(0, graph.n_nodes - 1))
    code = data.draw(st.integers(0, 31))
    assume(code != graph.op[node])
    op = graph.op.copy()
    op[node] = code
    assert graph.replace(op=op).hash != graph.hash


@given(networks(), st.data())
def test_another_source_of_one_edge_gives_another_hash_or_an_automorphism(graph, data):
    edge = data.draw(st.integers(0, graph.n_edges - 1))
    source = graph.in_src.copy()
    source[edge] = graph.sources[0]
    other = graph.replace(in_src=source)
    colours = node_colours(graph)
    same = colours[graph.in_src[edge]] == colours[graph.sources[0]]
    assert (other.hash == graph.hash) == same


def test_topology_leaves_resolution_and_bias_out():
    for change in ({"channels": 5}, {"size": 9}, {"bias": True}):
        assert graph_hash(chain(**change), "topology") == graph_hash(chain(), "topology")
    assert graph_hash(chain(kernel=1), "topology") != graph_hash(chain(), "topology")


def test_the_stored_input_channels_of_a_concat_do_not_count():
    b = GraphBuilder()
    x = b.input(4, 4, 3)
    b.output(b.concat([x, b.unary("relu", x)]))
    graph = b.build()
    resolution = graph.resolution.copy()
    resolution[2, 4] = 3
    assert graph.replace(resolution=resolution).hash == graph.hash


def test_operand_order_does_not_count():
    graphs = []
    for flip in (False, True):
        b = GraphBuilder()
        x = b.input(4, 4, 3)
        operands = [b.unary("relu", x), b.unary("tanh", x)]
        b.output(b.concat(operands[::-1] if flip else operands))
        graphs.append(b.build())
    assert graphs[0].hash == graphs[1].hash


def test_two_branches_are_not_one_branch_used_twice():
    hashes = set()
    for twice in (False, True):
        b = GraphBuilder()
        x = b.input(4, 4, 3)
        left = b.unary("relu", x)
        right = left if twice else b.unary("relu", x)
        b.output(b.add([left, right]))
        hashes.add(b.build().hash)
    assert len(hashes) == 2


def test_a_cycle_has_no_hash():
    graph = chain()
    source = graph.in_src.copy()
    source[0] = 2
    with pytest.raises(GraphError, match="cycle"):
        graph_hash(graph.replace(in_src=source))


def test_the_hash_is_fixed_for_all_time():
    assert (
        chain().hash == "3f85cb4f457dd7706bd1cd27ba5baa73"
    )  # stores and label tables hold such hashes


def test_shipped_graphs_have_different_hashes_that_survive_reversal(shipped):
    hashes = {graph.hash for graph in shipped.values()}
    assert len(hashes) == len(shipped) == 22
    for graph in shipped.values():
        assert graph.subgraph(np.arange(graph.n_nodes)[::-1]).hash == graph.hash


@given(networks())
def test_a_known_hash_is_kept_by_a_new_name_and_forgotten_with_new_arrays(graph):
    digest = graph.hash
    renamed = graph.replace(name="other")
    assert renamed.hash_is_known and renamed.hash == digest
    wider = graph.replace(kernel=graph.kernel + 1)
    assert not wider.hash_is_known and wider.hash != digest


@given(networks())
def test_hashing_many_graphs_tells_each_its_own(graph):
    fresh = [graph.replace(kernel=graph.kernel + k) for k in range(3)]
    hashes = graph_hashes(fresh)
    assert all(one.hash_is_known for one in fresh)
    assert hashes == [graph_hash(one) for one in fresh]
