"""A loss or weights that are not finite: training stops with a message, what was good is kept."""

import math
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archloom.data.block_table import BlockLabels
from archloom.data.images import Images
from archloom.errors import TrainingError
from archloom.graph import GraphBuilder, autogo_order
from archloom.predict import GNN, PSC, LabelledGraphs, TrainingSettings
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.spaces import FAMILIES
from archloom.train import trainer
from archloom.train.recipe import Recipe
from archloom.train.trainer import train

RECIPE = Recipe(epochs=4, batch_size=10, optimiser="sgd", schedule="constant")
SETTINGS = TrainingSettings(epochs=4, batch_size=4, instance_fraction=0.5)


def network(kernel, n=2):
    b = GraphBuilder(name=f"{n} of {kernel}")
    x = b.input(8, 8, 1)
    for _ in range(n):
        x = b.unary("relu", b.unary("batchnorm", b.conv(x, 4, kernel)))
    b.output(b.matmul(b.unary("mean", x), 2))
    return b.build()


def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 17, (40, 1, 8, 8)).astype(np.uint8)
    labels = (pixels.mean((1, 2, 3)) > 8).astype(np.int64)
    return Images("tiny", pixels[:20], labels[:20], pixels[20:], labels[20:], 1 / 16, 2)


@pytest.mark.parametrize("last", [False, True])
def test_a_network_that_diverges_leaves_the_state_before(tmp_path, monkeypatch, last):
    """In the third epoch; or by its very last step, whose loss is still finite."""
    path, rate = tmp_path / "state.safetensors", trainer.learning_rate
    whole = train(network(3), images(), RECIPE)
    two = train(network(3), images(), replace(RECIPE, epochs=2 + last))
    first_wild = 3.5 if last else 2.0  # an epoch has two steps

    def wild(recipe, epoch):
        return math.inf if epoch >= first_wild else rate(recipe, epoch)

    monkeypatch.setattr(trainer, "learning_rate", wild)
    with pytest.raises(TrainingError, match=f"diverged.*after epoch {2 + last} is kept in {path}"):
        train(network(3), images(), RECIPE, checkpoint=path)
    kept = load_file(path)
    for name, tensor in two.weights.items():
        assert torch.equal(kept[f"weights/{name}"], tensor), name
    monkeypatch.undo()
    rest = train(network(3), images(), RECIPE, checkpoint=path)
    assert all(torch.equal(rest.weights[name], one) for name, one in whole.weights.items())


def test_a_network_that_diverges_at_once_leaves_nothing(tmp_path):
    wild = replace(RECIPE, learning_rate=1e30)
    with pytest.raises(TrainingError, match="diverged"):
        train(network(3), images(), wild, checkpoint=tmp_path / "state.safetensors")
    assert list(tmp_path.iterdir()) == []


def in_twos(graph):
    starts = [*range(0, graph.n_nodes, 2), graph.n_nodes]
    return SimpleNamespace(order=autogo_order(graph), starts=np.array(starts))


def fit(kind, path):
    graphs = [network(kernel, n) for kernel in (1, 3, 5) for n in (1, 2, 3)]
    data = LabelledGraphs(graphs, np.linspace(0.1, 0.9, len(graphs)))
    predictor = GNN() if kind == "gnn" else PSC(segment=in_twos)
    return predictor, lambda: predictor.fit(data, data, SETTINGS, checkpoint=path)


def weights(predictor):
    return torch.cat([value.ravel() for value in predictor.network.state_dict().values()])


@pytest.mark.parametrize("kind", ["gnn", "psc"])
def test_a_predictor_that_diverges_keeps_the_state_before(tmp_path, monkeypatch, kind):
    path, rate = tmp_path / "state.safetensors", TrainingSettings.rate
    straight, run = fit(kind, None)
    run()
    monkeypatch.setattr(
        TrainingSettings, "rate", lambda self, epoch: rate(self, epoch) if epoch < 2 else 1e30
    )
    wild, run = fit(kind, path)
    with pytest.raises(
        TrainingError,
        match=f"diverged in epoch [34]: .*the state after epoch [23] is kept in {path}",
    ):
        run()
    monkeypatch.undo()
    again, run = fit(kind, path)
    run()
    assert torch.isfinite(weights(wild)).all()
    assert torch.equal(weights(again), weights(straight))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_block_predictor_that_diverges_is_no_predictor():
    space = FAMILIES["ofa_mbv3"]
    names = tuple(islice(space.architectures(0), 60))
    labels = BlockLabels("ofa_mbv3", names, np.linspace(0, 1, 60), "acc")
    wild = BlockTraining(epochs=3, batch_size=20, learning_rate=1e30)
    with pytest.raises(TrainingError, match="diverged in epoch .*lower learning_rate"):
        BlockPredictor.fit(labels, wild)
