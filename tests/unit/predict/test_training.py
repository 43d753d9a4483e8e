import dataclasses
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from archloom.data.block_table import BlockLabels
from archloom.errors import ConfigError, DataError, GraphError, TrainingError
from archloom.graph import GraphBuilder, autogo_order
from archloom.predict import GNN, PSC, LabelledGraphs, TrainingSettings
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.predict.metrics import spearman
from archloom.predict.norms.training import NormTraining
from archloom.predict.operators.network import OperatorShape
from archloom.predict.operators.predictor import OperatorPredictor
from archloom.spaces import FAMILIES


def network_of(kernels, width, family="toy"):
    """A chain of convolutions, one per kernel, with a shortcut over each."""
    b = GraphBuilder(f"{kernels}{width}", family)
    x = b.input(32, 32, 3)
    x = b.conv(x, width, 3)
    for kernel in kernels:
        x = b.add([b.unary("relu", b.conv(x, width, kernel)), x])
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


def toy_data(n, seed, family="toy"):
    """Graphs whose label grows with the kernels."""
    rng = np.random.default_rng(seed)
    kernels = [tuple(rng.choice([1, 3, 5], size=rng.integers(2, 5)).tolist()) for _ in range(n)]
    graphs = [network_of(each, 32, family) for each in kernels]
    return LabelledGraphs(graphs, [0.5 + 0.02 * sum(each) for each in kernels])


def in_threes(graph):
    """Groups of three nodes."""
    starts = [*range(0, graph.n_nodes, 3), graph.n_nodes]
    return SimpleNamespace(order=autogo_order(graph), starts=np.array(starts))


def predictor_of(kind):
    return GNN() if kind == "gnn" else PSC(segment=in_threes)


SHORT = TrainingSettings(epochs=4, batch_size=16, learning_rate=5e-3, instance_fraction=1.0, seed=3)


def weights(predictor):
    return torch.cat([value.ravel() for value in predictor.network.state_dict().values()])


@pytest.mark.parametrize(("kind", "epochs"), [("gnn", 25), ("psc", 14)])
def test_training_learns_a_simple_rule(kind, epochs):
    predictor, settings = predictor_of(kind), dataclasses.replace(SHORT, epochs=epochs)
    data, dev, test = toy_data(60, 0), toy_data(20, 1), toy_data(30, 2)
    progress = predictor.fit(data, dev, settings)
    predicted = predictor.predict(test.graphs)
    assert spearman(predicted, test.labels) > 0.9
    assert np.mean(np.abs(predicted - test.labels)) < 0.04  # accuracies, not z-scores
    assert progress.best_dev == max(row["dev"] for row in progress.history)
    assert predictor.card.target == "accuracy"
    assert predictor.card.training["epochs"] == epochs
    quality = predictor.evaluate(test)
    assert quality["srcc"] == pytest.approx(spearman(predicted, test.labels))


@pytest.mark.parametrize("kind", ["gnn", "psc"])
def test_one_seed_gives_one_result(kind):
    data, dev = toy_data(20, 0), toy_data(8, 1)
    twins = [predictor_of(kind) for _ in range(3)]
    for predictor, seed in zip(twins, (3, 3, 4), strict=True):
        predictor.fit(data, dev, dataclasses.replace(SHORT, seed=seed))
    assert torch.equal(weights(twins[0]), weights(twins[1]))
    assert not torch.equal(weights(twins[0]), weights(twins[2]))


class Stop(Exception):
    """Raised in place of a kill."""


@pytest.mark.parametrize("kind", ["gnn", "psc"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(kind, tmp_path):
    data, dev = toy_data(20, 0), toy_data(8, 1)
    straight, stopped, resumed = (predictor_of(kind) for _ in range(3))
    straight.fit(data, dev, SHORT)

    def stop_after_two(record):
        if record.epoch == 2:
            raise Stop

    checkpoint = tmp_path / "state.safetensors"
    with pytest.raises(Stop):
        stopped.fit(data, dev, SHORT, checkpoint=checkpoint, on_epoch=stop_after_two)
    epochs = []
    progress = resumed.fit(
        data, dev, SHORT, checkpoint=checkpoint, on_epoch=lambda record: epochs.append(record.epoch)
    )
    assert epochs == [3, 4]
    assert len(progress.history) == 4
    assert torch.equal(weights(straight), weights(resumed))


def test_a_checkpoint_of_other_data_or_settings_is_not_continued(tmp_path):
    dev, checkpoint = toy_data(8, 1), tmp_path / "state.safetensors"
    GNN().fit(toy_data(20, 0), dev, SHORT, checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    for data, settings, differing in (
        (toy_data(20, 5), SHORT, "data"),
        (toy_data(20, 0), dataclasses.replace(SHORT, learning_rate=1e-3), "learning_rate"),
    ):
        with pytest.raises(TrainingError, match=rf"another training \({differing} differ\)"):
            GNN().fit(data, dev, settings, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before


def test_a_damaged_checkpoint_says_what_to_do(tmp_path):
    checkpoint = tmp_path / "state.safetensors"
    data, dev = toy_data(10, 0), toy_data(4, 1)
    GNN().fit(data, dev, SHORT, checkpoint=checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="delete it and start the same training again"):
        GNN().fit(data, dev, SHORT, checkpoint=checkpoint)


def test_several_families_are_scaled_apart():
    one, two = toy_data(20, 0, "one"), toy_data(20, 1, "two")
    data = LabelledGraphs([*one.graphs, *two.graphs], [*one.labels, *(two.labels - 0.4)])
    psc = PSC(segment=in_threes)
    psc.fit(data, data, SHORT)
    assert psc.card.target == "z-score"
    difference = psc.card.labels["one"]["mean"] - psc.card.labels["two"]["mean"]
    assert difference == pytest.approx(0.4, abs=0.1)


def test_a_fraction_draws_other_instances_every_epoch():
    data, dev = toy_data(20, 0), toy_data(8, 1)
    drawn = []

    class Spy(PSC):
        def index(self, store, graphs):
            instances = super().index(store, graphs)
            if len(graphs) == 20:
                take = instances.take
                object.__setattr__(instances, "take", lambda r: drawn.append(r) or take(r))
            return instances

    settings = dataclasses.replace(SHORT, epochs=2, instance_fraction=0.5, batch_size=1000)
    spy = Spy(segment=in_threes)
    spy.fit(data, dev, settings)
    first, second = drawn
    assert len(first) == len(second) < 0.7 * sum(g.n_nodes // 3 + 1 for g in data.graphs)
    assert set(first.tolist()) != set(second.tolist())


def test_dev_instances_are_spread_evenly_over_each_graph():
    taken = []

    class Spy(PSC):
        def index(self, store, graphs):
            instances = super().index(store, graphs)
            if len(graphs) == 3:
                counts.append(instances.counts)
                take = instances.take
                object.__setattr__(instances, "take", lambda r: taken.append(r) or take(r))
            return instances

    counts = []
    dev = [network_of((3, 5) * n, 8) for n in (2, 6, 9)]
    settings = dataclasses.replace(SHORT, epochs=1)
    Spy(segment=in_threes).fit(toy_data(8, 0), LabelledGraphs(dev, [0.1, 0.2, 0.3]), settings)
    (n,), (rows,) = counts, taken
    assert n[0] < 10 < n[1] < n[2]
    first = np.cumsum(n) - n
    owners = np.searchsorted(first, rows, side="right") - 1
    assert np.bincount(owners).tolist() == np.minimum(n, 10).tolist()
    for graph in range(3):
        own = rows[owners == graph] - first[graph]
        assert own[0] == 0 and set(np.diff(own)) <= {n[graph] // len(own), -(-n[graph] // len(own))}


CHANGES = {
    "epochs": 5,
    "batch_size": 7,
    "learning_rate": 6e-3,
    "schedule": "constant",
    "clip_norm": 0.01,
    "seed": 4,
    "betas": (0.7, 0.9),
    "instance_fraction": 0.5,
    "instances_per_graph": 1,
    "weight_decay": 0.5,
    "rank_weight": 0.0,
    "test_share": 0.4,
}


def losses_of(kind, changes):
    """Train a predictor of the kind for a few epochs and return the mean losses."""
    losses = []

    def note(record):
        losses.append(record.loss)

    short = {"epochs": 4, "batch_size": 16, "learning_rate": 5e-3, "seed": 3}
    if kind in ("gnn", "psc"):
        settings = TrainingSettings(**{**short, "instance_fraction": 1.0, **changes})
        predictor_of(kind).fit(toy_data(20, 0), toy_data(8, 1), settings, on_epoch=note)
    elif kind == "operators":
        settings = NormTraining(**{**short, **changes})
        OperatorPredictor.fit(toy_data(30, 0), "x", settings, OperatorShape(hops=2), on_epoch=note)
    else:
        names = tuple(islice(FAMILIES["ofa_mbv3"].architectures(0), 40))
        labels = BlockLabels("ofa_mbv3", names, np.array([one.count("e6") for one in names]), "x")
        BlockPredictor.fit(labels, BlockTraining(**{**short, **changes}), on_epoch=note)
    return losses


@pytest.mark.parametrize("kind", ["gnn", "psc", "operators", "blocks"])
def test_every_setting_reaches_the_training(kind):
    of_kind = {"blocks": BlockTraining, "operators": NormTraining}.get(kind, TrainingSettings)
    names = {one.name for one in dataclasses.fields(of_kind)} - {"soft_ranks"}  # the same values
    names -= {"instance_fraction", "instances_per_graph"} if kind == "gnn" else set()
    before = losses_of(kind, {})
    assert before == losses_of(kind, {})
    assert names <= set(CHANGES)
    same = [name for name in names if losses_of(kind, {name: CHANGES[name]}) == before]
    assert same == []


def test_a_diverged_training_is_an_error():
    settings = dataclasses.replace(SHORT, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"lower learning_rate.*1e\+30"):
        GNN().fit(toy_data(20, 0), toy_data(8, 1), settings)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": float("nan")},
        {"clip_norm": 0},
        {"instance_fraction": 1.5},
        {"schedule": "linear"},
    ],
)
def test_settings_out_of_range_are_named(change):
    (name,) = change
    with pytest.raises(ConfigError, match=name):
        TrainingSettings(**change)


@pytest.mark.parametrize("labels", [[0.1], [0.1, float("nan")], [[0.1], [0.2]]])
def test_unusable_labels_are_refused(labels):
    graph = network_of((3,), 8)
    with pytest.raises(DataError):
        LabelledGraphs([graph, graph], labels)


def test_a_family_without_training_graphs_cannot_select():
    with pytest.raises(DataError, match="other"):
        PSC(segment=in_threes).fit(toy_data(4, 0), toy_data(4, 1, "other"), SHORT)


def test_a_psc_predictor_without_segmenter_says_so():
    with pytest.raises(ConfigError, match="segment="):
        PSC().predict([network_of((3,), 8)])


def test_a_graph_without_instances_is_named():
    b = GraphBuilder("tiny")
    b.output(b.input(8, 8, 1))
    with pytest.raises(GraphError, match="tiny"):
        PSC(segment=in_threes).predict([b.build()])


@pytest.mark.parametrize("kind", ["gnn", "psc"])
def test_predictions_come_in_input_order(kind):
    predictor, graphs = predictor_of(kind), toy_data(80, 0).graphs
    apart = [predictor.predict([graph])[0] for graph in graphs]
    assert len(set(np.round(apart, 6))) > 20
    assert predictor.predict(graphs) == pytest.approx(apart, abs=1e-6)
    assert predictor.predict(graphs[::-1]) == pytest.approx(apart[::-1], abs=1e-6)


def test_no_graphs_have_no_predictions():
    assert GNN().predict([]).shape == (0,)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="write device: cpu"):
        GNN().fit(toy_data(20, 0), toy_data(8, 1), SHORT, device="cuda")


def test_auto_is_the_cpu_where_there_is_no_gpu():
    data, dev = toy_data(20, 0), toy_data(8, 1)
    one, other = GNN(), GNN()
    one.fit(data, dev, SHORT)
    other.fit(data, dev, SHORT, device="auto")
    if not torch.cuda.is_available():
        assert one.digest == other.digest
    assert other.network.embed_layer.shape_embed_layer.weight.device.type == "cpu"
