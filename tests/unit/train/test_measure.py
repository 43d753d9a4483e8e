from dataclasses import replace

import pytest

from archloom.errors import ConfigError
from archloom.io.weights import read_weights
from archloom.train.measure import Failure, measure
from archloom.train.trainer import train


def figures(result):
    return [replace(label, seconds=0.0) for label in result.labels]


@pytest.fixture
def graphs(network):
    return [network(2, name="a"), network(3, name="b")]


def test_every_pair_is_measured_in_order_whatever_the_workers(graphs, images, recipe, tmp_path):
    def seeds(position):
        return (0, 1) if position == 0 else (0,)

    calls = []
    two = measure(
        graphs, images, recipe, seeds, n_jobs=2, out=tmp_path, progress=lambda *n: calls.append(n)
    )
    one = measure(graphs, images, recipe, seeds, n_jobs=1)
    assert figures(one) == figures(two)
    assert [(label.name, label.seed) for label in one.labels] == [("a", 0), ("a", 1), ("b", 0)]
    assert calls == [(1, 3), (2, 3), (3, 3)]
    label = one.labels[0]
    assert label.value == train(graphs[0], images, recipe, 0).accuracy
    assert (label.graph, label.recipe) == (graphs[0].hash, recipe.hash)
    assert (label.provenance, label.metric, label.unit) == ("measured", "accuracy", "fraction")
    # what is in the folder is not trained again, even where nothing could be trained
    again = measure(graphs, replace(images, classes=5), recipe, seeds, n_jobs=1, out=tmp_path)
    assert again == two


def test_known_labels_are_taken_over(graphs, images, recipe):
    first = measure(graphs[:1], images, recipe, n_jobs=1)
    renamed = [replace(first.labels[0], name="other", value=0.25)]
    again = measure(graphs[:1], images, recipe, known=renamed, n_jobs=1)
    assert again.labels == [replace(renamed[0], name="a")]


def test_failures_are_reported_and_the_others_kept(graphs, images, recipe, network):
    broken = network(4, name="broken").replace(name="broken")
    op = broken.op.copy()
    op[3] = 20  # spacetobatchnd
    broken = broken.replace(op=op)
    result = measure([graphs[0], broken], images, recipe, n_jobs=1)
    assert [label.name for label in result.labels] == ["a"]
    assert [(one.name, one.seed) for one in result.failures] == [("broken", 0)]
    assert "cannot be executed" in result.failures[0].reason
    assert isinstance(result.failures[0], Failure)


def test_trained_weights_are_kept(graphs, images, recipe, tmp_path):
    measure(graphs[:1], images, recipe, (3,), weights=tmp_path, n_jobs=1)
    path = tmp_path / f"{graphs[0].hash}-seed3.safetensors"
    tensors, card = read_weights(path, graphs[0])
    wanted = train(graphs[0], images, recipe, 3)
    assert all((tensors[name] == one).all() for name, one in wanted.weights.items())
    assert card["facts"]["value"] == wanted.accuracy


def test_a_changed_result_or_file_is_left_out_and_trained_again(graphs, images, recipe, tmp_path):
    def run():
        return measure(graphs[:1], images, recipe, (0, 1), (), tmp_path, tmp_path / "w", n_jobs=1)

    first = run().labels
    (kept,) = tmp_path.glob("*.jsonl")
    value = f'"value": {first[0].value}'
    kept.write_text(kept.read_text().replace(value, '"value": 0.125', 1))
    (card,) = (tmp_path / "w").glob("*-seed1.json")
    card.write_text(card.read_text().replace('"value": ', '"value": 1', 1))
    assert [one.value for one in run().labels] == [one.value for one in first]
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert '"value": 1' not in card.read_text() or first[1].value == 1


def test_nothing_to_do_starts_no_process(images, recipe):
    result = measure([], images, recipe, n_jobs=2)
    assert (result.labels, result.failures) == ([], [])


def test_a_missing_device_stops_before_anything_is_trained(graphs, images, recipe, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="no CUDA GPU"):
        measure(graphs, images, recipe, n_jobs=1, device="cuda")
