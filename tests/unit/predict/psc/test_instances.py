import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import GraphBuilder
from archloom.predict.gnn.network import N_LAYERS
from archloom.predict.nodes.classes import ClassStore
from archloom.predict.psc.instances import add_instances, instance_means, joined
from archloom.views.features import Normalisers
from archloom.views.instances import group_instances


def test_first_and_last_group_give_a_node_to_the_context():
    assert group_instances(np.array([0, 3, 5, 9])).tolist() == [[1, 3], [3, 5], [5, 8]]


def test_groups_of_one_node_at_the_ends_give_no_instance():
    assert group_instances(np.array([0, 1, 4, 5])).tolist() == [[1, 4]]


def test_a_single_group_keeps_its_middle():
    assert group_instances(np.array([0, 4])).tolist() == [[1, 3]]
    assert group_instances(np.array([0, 2])).tolist() == []


@pytest.mark.parametrize("row", [(0, 2), (2, 2), (1, 4), (3, 1)])
def test_an_instance_with_an_empty_part_is_refused(row):
    b = GraphBuilder(name="short")
    b.unary("relu", b.unary("relu", b.unary("relu", b.input(8, 8, 1))))
    with pytest.raises(GraphError, match=r"short.*choose 1 <= start < end"):
        add_instances(ClassStore(N_LAYERS), [b.build()], [np.arange(4)], [np.array([row])])


def all_rows(n_nodes):
    return np.array([(s, e) for s in range(1, n_nodes - 1) for e in range(s + 1, n_nodes)])


@settings(max_examples=40)
@given(st.data())
def test_every_instance_scores_as_three_graphs_encoded_apart(psc_network, spelled_out, data):
    graph = data.draw(spelled_out.graphs())
    order = np.arange(graph.n_nodes)
    possible = all_rows(graph.n_nodes).tolist()
    rows = data.draw(st.lists(st.sampled_from(possible), min_size=1, max_size=4))
    store = ClassStore(N_LAYERS)
    instances = add_instances(store, [graph], [order], [np.array(rows)])
    nodes = psc_network.encode(store.frozen(), Normalisers())
    scores = psc_network.head()(instance_means(nodes, instances))
    for (start, end), score, sizes in zip(rows, scores, instances.sizes, strict=True):
        expected, counts = spelled_out.psc(psc_network, graph, order, start, end)
        assert sizes.tolist() == counts
        assert score.item() == pytest.approx(expected, abs=1e-5)


@settings(max_examples=20)
@given(st.data())
def test_taking_some_of_many_graphs_keeps_their_means(psc_network, spelled_out, data):
    graphs = data.draw(st.lists(spelled_out.graphs(min_nodes=4), min_size=2, max_size=4))
    store = ClassStore(N_LAYERS)
    chunks = [
        add_instances(store, [graph], [np.arange(graph.n_nodes)], [all_rows(graph.n_nodes)[:5]])
        for graph in graphs
    ]
    instances = joined(chunks)
    everything = instance_means(psc_network.encode(store.frozen(), Normalisers()), instances)
    wanted = data.draw(st.sets(st.integers(0, len(instances) - 1), min_size=1))
    rows = np.array(sorted(wanted))
    classes, some = instances.take(rows).selected(store.frozen())
    means = instance_means(psc_network.encode(classes, Normalisers()), some)
    torch.testing.assert_close(means, everything[rows], atol=1e-5, rtol=0)


def test_behind_the_window_the_base_is_reused():
    b = GraphBuilder()
    x = b.input(8, 8, 1)
    for _ in range(99):
        x = b.unary("relu", x)
    store = ClassStore(N_LAYERS)
    rows = np.array([[10, 12]])
    instances = add_instances(store, [b.build()], [np.arange(100)], [rows])
    window = np.diff(instances.entry_ptr)[1]
    assert window == N_LAYERS
    assert instances.tail.tolist() == [12 + N_LAYERS]
