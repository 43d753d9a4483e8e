import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.graph import GraphBuilder
from archloom.predict.gnn.network import N_LAYERS
from archloom.predict.nodes.classes import Classes, ClassStore, select
from archloom.predict.nodes.union import flatten, whole
from archloom.views.features import Normalisers


@settings(max_examples=30)
@given(st.data())
def test_shared_nodes_have_the_embeddings_of_the_plain_encoder(gnn_network, spelled_out, data):
    graphs = data.draw(st.lists(spelled_out.graphs(), min_size=1, max_size=4))
    flat = flatten(graphs)
    union = whole(flat, bridge=True)
    plain = gnn_network.encode(Classes.unshared(flat, union, N_LAYERS), Normalisers())
    store = ClassStore(N_LAYERS)
    top = store.add(flat, union)
    shared = gnn_network.encode(store.frozen(), Normalisers())
    torch.testing.assert_close(shared[torch.from_numpy(top)], plain, atol=1e-5, rtol=0)


@settings(max_examples=20)
@given(st.data())
def test_classes_do_not_depend_on_how_graphs_are_grouped(spelled_out, data):
    graphs = data.draw(st.lists(spelled_out.graphs(), min_size=2, max_size=4))
    together, apart = ClassStore(N_LAYERS), ClassStore(N_LAYERS)
    flat = flatten(graphs)
    at_once = together.add(flat, whole(flat, bridge=False))
    one_by_one = []
    for graph in graphs:
        flat = flatten([graph])
        one_by_one.append(apart.add(flat, whole(flat, bridge=False)))
    ids = np.concatenate(one_by_one)
    pairs = set(zip(at_once.tolist(), ids.tolist(), strict=True))
    assert len(pairs) == len(set(at_once.tolist())) == len(set(ids.tolist()))


@settings(max_examples=20)
@given(st.data())
def test_a_selection_computes_the_same_rows(gnn_network, spelled_out, data):
    graphs = data.draw(st.lists(spelled_out.graphs(), min_size=2, max_size=4))
    store = ClassStore(N_LAYERS)
    flat = flatten(graphs)
    top = store.add(flat, whole(flat, bridge=False))
    wanted = np.array(data.draw(st.lists(st.sampled_from(top.tolist()), min_size=1)))
    classes, number = select(store.frozen(), wanted)
    some = gnn_network.encode(classes, Normalisers())
    everything = gnn_network.encode(store.frozen(), Normalisers())
    assert len(some) == len(set(wanted.tolist()))
    torch.testing.assert_close(some[number[wanted].tolist()], everything[wanted], atol=1e-5, rtol=0)


def test_repeated_cells_are_computed_once():
    b = GraphBuilder()
    x = b.input(8, 8, 4)
    for _ in range(30):
        x = b.unary("relu", x)
    flat = flatten([b.build()])
    store = ClassStore(N_LAYERS)
    store.add(flat, whole(flat, bridge=False))
    assert [len(level.ptr) - 1 for level in store.frozen().levels] == [3, 4, 5, 6, 7, 8]
