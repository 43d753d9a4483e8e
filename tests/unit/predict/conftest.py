"""Shared by the predictor tests: random graphs, and the network spelled out node by node."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from archloom.graph import OPS, Graph, GraphBuilder
from archloom.predict.gnn.network import new_network
from archloom.views.features import Normalisers, node_features

UNARY = [OPS.code(name) for name in ("relu", "conv", "batchnorm", "depthwise", "matmul", "mean")]
MERGES = [OPS.code(name) for name in ("add", "concat", "mul")]


@st.composite
def random_graphs(draw, min_nodes=3, max_nodes=24):
    """Connected DAGs in topological order with few distinct nodes, so that classes coincide.

    Merges may have one parent in the whole graph, and a node may appear twice among its parents.
    """
    n = draw(st.integers(min_nodes, max_nodes))
    reach = draw(st.sampled_from([2, 4, 30]))
    ops, sources, pointer = [OPS.code("input")], [], [0, 0]
    for node in range(1, n):
        merge = draw(st.booleans())
        ops.append(draw(st.sampled_from(MERGES if merge else UNARY)))
        near = st.integers(max(0, node - reach), node - 1)
        sources += draw(st.lists(near, min_size=1, max_size=3 if merge else 1))
        pointer.append(len(sources))
    sizes = np.array([draw(st.sampled_from([8, 16])) for _ in range(n)])
    weighted = np.isin(ops, [OPS.code(name) for name in ("conv", "depthwise")])
    return Graph.from_arrays(
        op=ops,
        in_ptr=pointer,
        in_src=sources,
        resolution=np.repeat(sizes[:, None], 6, axis=1),
        kernel=np.where(weighted, 3, 0)[:, None].repeat(2, axis=1),
        bias=weighted & (sizes == 8),
    )


def naive_mean(network, graph, nodes, *, bridge, normalisers=None):
    """Encode the subgraph of ``nodes`` one node at a time; return its mean and its node count."""
    normalisers = normalisers or Normalisers()
    inside = set(nodes)
    parents = {i: [p for p in graph.predecessors(i).tolist() if p in inside] for i in nodes}
    removed = {i for i in nodes if bridge and graph.op[i] in MERGES and len(parents[i]) == 1}

    def stand_in(node):
        return stand_in(parents[node][0]) if node in removed else node

    kept = [i for i in nodes if i not in removed]
    into = {i: [stand_in(p) for p in parents[i]] for i in kept}
    embedded = network.embed_layer(node_features(graph), normalisers)
    h = {i: embedded[i] for i in kept}
    for layer in network.encoder.gnn_layers:
        h = {
            i: torch.tanh(
                layer.lin_l(sum((h[p] for p in into[i]), torch.zeros(32))) + layer.lin_r(h[i])
            )
            for i in kept
        }
    return sum(h.values()) / len(kept), len(kept)


def naive_head(network, pooled):
    """Return the score of one pooled row, layer by layer."""
    return network.regressor(network.post_proj(pooled)).squeeze(-1)


def naive_psc(network, graph, order, start, end, segment=None):
    """Return the score of one instance, and the node counts of P, S, C."""
    order = list(order)
    parts = [(graph, order[:start]), (graph, order[start:end]), (graph, order[end:])]
    if segment is not None:
        parts[1] = (segment, list(range(segment.n_nodes)))
    means, counts = zip(
        *(naive_mean(network, g, nodes, bridge=True) for g, nodes in parts), strict=True
    )
    return naive_head(network, torch.cat(means)).item(), list(counts)


@pytest.fixture(scope="session")
def spelled_out():
    """The network spelled out: ``mean``, ``head`` and ``psc``; and ``graphs``, random ones."""
    return SimpleNamespace(mean=naive_mean, head=naive_head, psc=naive_psc, graphs=random_graphs)


@pytest.fixture(scope="session")
def psc_network():
    """An untrained PSC network."""
    return new_network(96, seed=1).requires_grad_(False)


@pytest.fixture(scope="session")
def gnn_network():
    """An untrained GNN network."""
    return new_network(32, seed=2).requires_grad_(False)


@pytest.fixture(scope="session")
def goldens(data_folder):
    """Golden predictions and segmentations by graph name, and the folder of the checkpoints."""

    def table(path):
        return json.loads((data_folder / path).read_text())["graphs"]

    return SimpleNamespace(
        predictions=table("autogo_models/golden_predictions.json"),
        segmentations=table("autogo_vocab/golden_segmentation.json"),
        models=data_folder / "autogo_models",
    )


@pytest.fixture(scope="session")
def nb_like_graph():
    """A small network with every kind of feature: weighted, bias, merge, pool, classifier."""
    b = GraphBuilder("small", "nb201")
    x = b.unary("batchnorm", b.conv(b.input(32, 32, 3), 16, 3, bias=True))
    for stride in (1, 2):
        left = b.unary("relu", b.conv(x, 32, 3, stride=stride))
        right = b.conv(b.pool("avgpool", x, stride, stride), 32, 1)
        x = b.concat([b.add([left, right]), left])
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()
