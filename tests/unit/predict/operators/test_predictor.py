"""AutoBuild's predictor on graphs of operators: layers spelled out, classes, importance, files."""

from dataclasses import replace

import numpy as np
import pyarrow.csv as pc
import pytest
import torch
from hypothesis import given, settings

from archloom.errors import ConfigError, DataError, FormatError
from archloom.graph import GraphBuilder
from archloom.predict import GNN, LabelledGraphs
from archloom.predict.nodes.classes import Classes
from archloom.predict.nodes.union import flatten, whole
from archloom.predict.norms.training import NormTraining
from archloom.predict.operators.network import (
    CountedNorm,
    GATv2Conv,
    GraphConv,
    OperatorGraphs,
    OperatorNetwork,
    OperatorShape,
    node_norms,
)
from archloom.predict.operators.predictor import OperatorPredictor
from archloom.spaces import nb201
from archloom.views.operators import operator_features
from strategies import renumbered_networks

HOPS = 3


def share_of_3x3(graph):
    return float((graph.kernel[:, 0] == 3).mean())


@pytest.fixture(scope="module")
def data():
    """NB-201 networks labelled with 10 + their share of 3x3 windows, which is easy to learn."""
    graphs = nb201.sample(150, 0, nb201.REDUCED)
    return LabelledGraphs(graphs, [10 + share_of_3x3(graph) for graph in graphs])


@pytest.fixture(scope="module")
def trained(data):
    training = NormTraining(epochs=20, batch_size=30, learning_rate=3e-3, test_share=0.2)
    return OperatorPredictor.fit(data, "share", training, OperatorShape(hops=HOPS))


def unshared(graphs, hops):
    """The same graphs with every node its own class."""
    flat = flatten(graphs, features_of=operator_features)
    parts = OperatorGraphs.of(graphs, hops).parts
    classes = Classes.unshared(flat, whole(flat, bridge=False), hops)
    own = np.arange(len(flat.features), dtype=np.int32)
    return OperatorGraphs(classes, replace(parts, entries=own))


def diamond():
    b = GraphBuilder()
    x = b.conv(b.input(8, 8, 3), 4, 3)
    b.output(b.add([b.unary("relu", x), b.unary("sigmoid", x), x]))
    return b.build()


def test_layers_are_those_of_the_definitions():
    torch.manual_seed(0)
    graph = diamond()
    level = unshared([graph], 1).classes.levels[0]
    x = torch.randn(graph.n_nodes, 5)
    attention, plain = GATv2Conv(5, 8), GraphConv(5, 8)
    for linear in (attention.lin_l, attention.lin_r):
        torch.nn.init.normal_(linear.bias)
    with torch.no_grad():
        attended, summed = attention(x, level), plain(x, level)
        for node in range(graph.n_nodes):
            before = graph.predecessors(node).tolist()
            keys = attention.lin_l(x[[*before, node]])
            scores = (
                torch.nn.functional.leaky_relu(attention.lin_r(x[node]) + keys, 0.2)
                @ attention.att[0]
            )
            wanted = scores.softmax(0) @ keys + attention.bias
            torch.testing.assert_close(attended[node], wanted)
            wanted = plain.lin_rel(x[before].sum(0)) + plain.lin_root(x[node])
            torch.testing.assert_close(summed[node], wanted)


def test_counted_norm_is_the_batch_norm_of_the_nodes():
    torch.manual_seed(0)
    rows, counts = torch.randn(5, 3), torch.tensor([1, 4, 2, 7, 3])
    counted, plain = CountedNorm(3), torch.nn.BatchNorm1d(3)
    ids = torch.arange(5).repeat_interleave(counts)
    torch.testing.assert_close(counted(rows, counts.float())[ids], plain(rows[ids]))
    torch.testing.assert_close(counted.running_mean, plain.running_mean)
    torch.testing.assert_close(counted.running_var, plain.running_var)
    torch.testing.assert_close(counted.eval()(rows, counts.float()), plain.eval()(rows))


@pytest.mark.parametrize("layer", ["gatv2", "graphconv"])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_classes_change_neither_results_nor_gradients(layer, pooling, data):
    torch.manual_seed(0)
    network = OperatorNetwork(OperatorShape(layer, 8, HOPS, pooling)).double()
    graphs = data.graphs[:6]
    results = []
    for form in (OperatorGraphs.of(graphs, HOPS), unshared(graphs, HOPS)):
        network.zero_grad()
        predicted, norms = network(form)
        (predicted.sum() + norms.sum()).backward()
        gradient = torch.cat([one.grad.flatten() for one in network.parameters()])
        results.append((predicted, norms, gradient))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@settings(max_examples=30, deadline=None)
@given(renumbered_networks())
def test_numbering_does_not_matter(pair):
    torch.manual_seed(0)
    network = OperatorNetwork(OperatorShape(width=8, hops=HOPS)).eval()
    predictions, norms = [], []
    for graph in pair:
        form = OperatorGraphs.of([graph], HOPS)
        with torch.no_grad():
            predictions.append(network(form)[0])
        norms.append(np.sort(node_norms(network, form), axis=1))
    torch.testing.assert_close(predictions[0], predictions[1])
    np.testing.assert_allclose(norms[0], norms[1], rtol=1e-4, atol=1e-5)


def test_training_learns_and_the_card_says_so(trained, data):
    found = trained.card.metrics
    assert found["networks"] == 30 and found["srcc"] > 0.9
    assert len(found["srcc_per_hop"]) == HOPS + 1 and found["srcc_per_hop"][-1] > 0.8
    assert "Conv" in trained.operators and "Gelu" not in trained.operators
    values = np.asarray(data.labels)
    assert abs(trained.predict(data.graphs).mean() - values.mean()) < 0.05


def test_the_same_seed_gives_the_same_predictor(data):
    training = NormTraining(epochs=2, batch_size=30, test_share=0.2)
    one, other, third = (
        OperatorPredictor.fit(data, "share", replace(training, seed=seed)).digest
        for seed in (0, 0, 1)
    )
    assert one == other != third


class Stop(Exception):
    """Raised in place of a kill."""


def test_a_run_that_was_stopped_ends_as_one_that_was_not(data, tmp_path):
    training = NormTraining(epochs=3, batch_size=30, test_share=0.2)
    state, epochs = tmp_path / "state.safetensors", []

    def stop(record):
        if record.epoch == 2:
            raise Stop

    whole = OperatorPredictor.fit(data, "share", training)
    often = {"checkpoint": state, "checkpoint_seconds": 0}
    with pytest.raises(Stop):
        OperatorPredictor.fit(data, "share", training, on_epoch=stop, **often)
    rest = OperatorPredictor.fit(
        data, "share", training, on_epoch=lambda record: epochs.append(record.epoch), **often
    )
    assert epochs == [3]
    assert rest.digest == whole.digest and rest.card.metrics == whole.card.metrics


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("layer", ["gatv2", "graphconv"])
def test_training_on_a_gpu_comes_to_nearly_the_same(data, layer):
    training, shape = NormTraining(epochs=3, batch_size=30), OperatorShape(layer, hops=HOPS)
    one, other = (
        OperatorPredictor.fit(data, "share", training, shape, device=device)
        for device in ("cpu", "cuda")
    )
    assert {tensor.device.type for tensor in other.network.state_dict().values()} == {"cpu"}
    np.testing.assert_allclose(other.predict(data.graphs), one.predict(data.graphs), atol=0.02)


def test_twins_stay_on_one_side(data):
    training = NormTraining(epochs=1, batch_size=30, test_share=0.2)
    twins = [str(row // 5) for row in range(len(data.graphs))]
    assert (
        OperatorPredictor.fit(data, "share", training, twins=twins).card.metrics["networks"] == 30
    )


def test_a_network_with_more_of_what_counts_has_larger_norms(trained):
    plain, wide = (
        nb201.build(f"|{op}~0|+|{op}~0|{op}~1|+|{op}~0|{op}~1|{op}~2|", nb201.REDUCED)
        for op in ("nor_conv_1x1", "nor_conv_3x3")
    )
    low, high = trained.norms([plain, wide])[-1]
    assert high > low
    assert trained.importance(wide).importance.mean() > trained.importance(plain).importance.mean()


def test_importance_of_nodes_as_table_and_picture(trained, data, tmp_path):
    graph = data.graphs[0]
    found = trained.importance(graph)
    assert found.norms.shape == (HOPS + 1, graph.n_nodes) and found.scalars.min() >= 0
    np.testing.assert_allclose(found.norms[0], found.scalars.sum(axis=1), rtol=1e-5)
    counts = found.by_operator()
    assert sum(count for count, _ in counts.values()) == graph.n_nodes
    assert [mean for _, mean in counts.values()] == sorted(
        (mean for _, mean in counts.values()), reverse=True
    )
    found.write(tmp_path / "operators.csv")
    table = pc.read_csv(tmp_path / "operators.csv")
    assert sorted(table["node"].to_pylist()) == list(range(graph.n_nodes))
    assert table["importance"].to_pylist() == sorted(table["importance"].to_pylist(), reverse=True)
    assert set(table["operator"].to_pylist()) == set(counts)
    found.draw(tmp_path / "operators.svg")
    assert "importance" in (tmp_path / "operators.svg").read_text()


def test_a_segment_counts_what_its_nodes_have_seen_of_it(trained):
    b = GraphBuilder()
    x = b.conv(b.input(8, 8, 16), 16, 3)
    b.output(b.unary("relu", b.unary("batchnorm", x)))
    chain = b.build().subgraph([1, 2, 3])
    norms = node_norms(trained.network, OperatorGraphs.of([chain], HOPS))
    mean, std = trained.network.hop_moments.numpy()
    wanted = np.mean([(norms[hop, hop] - mean[hop]) / std[hop] for hop in range(3)])
    single = chain.subgraph([0])
    scores = trained.score_segments([chain, single, chain])
    np.testing.assert_allclose(scores[[0, 2]], wanted, rtol=1e-4)
    assert scores[1] == pytest.approx((norms[0, 0] - mean[0]) / std[0], rel=1e-4)
    assert len(trained.score_segments([])) == 0


def test_the_range_and_unseen_operators_are_known(trained, data):
    inside, outside = trained.places([data.graphs[0], diamond()])
    assert inside.inside and not outside.inside
    assert trained.unseen(data.graphs[0]) == () and trained.unseen(diamond()) == ("Sigmoid",)


def test_files(trained, data, tmp_path):
    path = tmp_path / "operators.safetensors"
    trained.save(path)
    again = OperatorPredictor.load(path)
    some = data.graphs[:4]
    np.testing.assert_array_equal(again.predict(some), trained.predict(some))
    assert again.digest == trained.digest and again.card.metrics == trained.card.metrics
    assert again.places(some) == trained.places(some)
    GNN().save(path)
    with pytest.raises(FormatError, match="holds a gnn predictor, operators was asked for"):
        OperatorPredictor.load(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FormatError, match="truncated"):
        OperatorPredictor.load(path)


def test_errors(data):
    for wrong in ({"layer": "gat"}, {"width": 0}, {"hops": 0}, {"pooling": "max"}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            OperatorShape(**wrong)
    few = LabelledGraphs(data.graphs[:20], np.asarray(data.labels)[:20])
    with pytest.raises(DataError, match="give at least one batch"):
        OperatorPredictor.fit(few, "share")
