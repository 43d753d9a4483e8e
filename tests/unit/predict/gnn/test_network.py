import numpy as np
import torch

from archloom.predict.gnn.network import N_LAYERS, Network
from archloom.predict.nodes.classes import Classes
from archloom.predict.nodes.pooling import gather_sum
from archloom.predict.nodes.union import flatten, whole
from archloom.views.features import Normalisers

LAYERS = [f"encoder.gnn_layers.{i}" for i in range(6)]
PUBLISHED_KEYS = {
    "embed_layer.regular_embed_layer.weight": (32, 24),
    "embed_layer.weighted_embed_layer.weight": (32, 14),
    "embed_layer.kernel_embed_layer.weight": (8, 4),
    "embed_layer.shape_embed_layer.weight": (8, 6),
    "embed_layer.shape_embed_layer.bias": (8,),
    "embed_layer.bias_embed_layer.weight": (2, 2),
    "embed_layer.bias_embed_layer.bias": (2,),
    **{f"{layer}.lin_l.weight": (32, 32) for layer in LAYERS},
    **{f"{layer}.lin_l.bias": (32,) for layer in LAYERS},
    **{f"{layer}.lin_r.weight": (32, 32) for layer in LAYERS},
    **{f"post_proj.{i}.weight": (96, 96) for i in (0, 1, 3, 4)},
    **{f"post_proj.{i}.bias": (96,) for i in (0, 1, 3, 4)},
    "regressor.weight": (1, 96),
    "regressor.bias": (1,),
}


def test_parameters_are_named_and_shaped_as_published():
    shapes = {name: tuple(value.shape) for name, value in Network(96).state_dict().items()}
    assert shapes == PUBLISHED_KEYS


def test_gather_sum_and_its_gradient_agree_with_index_add():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 4, size=30)
    index = rng.integers(0, 10, size=lengths.sum())
    ptr = np.concatenate([[0], np.cumsum(lengths)])
    target = torch.from_numpy(np.repeat(np.arange(30), lengths))
    weights = torch.randn(30, 32, generator=torch.Generator().manual_seed(0))
    results = []
    for add_up in (
        lambda rows: gather_sum(rows, index, ptr),
        lambda rows: torch.zeros(30, 32).index_add(0, target, rows[torch.from_numpy(index)]),
    ):
        generator = torch.Generator().manual_seed(1)
        rows = torch.randn(10, 32, generator=generator, requires_grad=True)
        summed = add_up(rows)
        (summed * weights).sum().backward()
        results.append((summed.detach(), rows.grad))
    torch.testing.assert_close(results[0], results[1])


def test_nodes_are_encoded_as_the_formula_says(gnn_network, spelled_out, nb_like_graph):
    flat = flatten([nb_like_graph])
    classes = Classes.unshared(flat, whole(flat, bridge=False), N_LAYERS)
    mean = gnn_network.encode(classes, Normalisers(64, 32, 16)).mean(0)
    nodes = range(nb_like_graph.n_nodes)
    expected, _ = spelled_out.mean(
        gnn_network, nb_like_graph, nodes, bridge=False, normalisers=Normalisers(64, 32, 16)
    )
    torch.testing.assert_close(mean, expected, atol=1e-6, rtol=0)
    score = spelled_out.head(gnn_network, expected)
    torch.testing.assert_close(gnn_network.head()(mean[None])[0], score, atol=1e-6, rtol=0)


def test_every_parameter_gets_a_gradient(nb_like_graph):
    network = Network(32)
    flat = flatten([nb_like_graph])
    classes = Classes.unshared(flat, whole(flat, bridge=False), N_LAYERS)
    network.head()(network.encode(classes, Normalisers()).mean(0)[None]).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_rescaling_turns_z_scores_into_accuracies(nb_like_graph):
    network = Network(32).requires_grad_(False)
    pooled = torch.ones(1, 32)
    before = network.head()(pooled).item()
    network.rescale(0.9, 0.05)
    torch.testing.assert_close(network.head()(pooled).item(), 0.9 + 0.05 * before)
