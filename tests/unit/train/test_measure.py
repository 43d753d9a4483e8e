import json
from dataclasses import replace

import pytest

from archloom.errors import ConfigError, DataError
from archloom.io.weights import read_weights
from archloom.train.measure import Failure, _append, _read_shards, measure
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


def test_a_cut_line_of_a_shard_is_left_out(graphs, images, recipe, tmp_path, caplog):
    label = measure(graphs[:1], images, recipe, n_jobs=1).labels[0]
    shard = tmp_path / f"{recipe.hash}-x.jsonl"
    _append(shard, label)
    _append(shard, replace(label, seed=1))
    shard.write_text(shard.read_text()[:-30])
    assert _read_shards(tmp_path, recipe) == [label]
    assert "a cut or damaged line is left out" in caplog.text
    assert json.loads(shard.read_text().splitlines()[0])["seed"] == 0


def test_an_unwritable_folder_is_explained(graphs, images, recipe, tmp_path):
    label = measure(graphs[:1], images, recipe, n_jobs=1).labels[0]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        _append(tmp_path / "file" / "shard.jsonl", label)


def test_nothing_to_do_starts_no_process(images, recipe):
    result = measure([], images, recipe, n_jobs=2)
    assert (result.labels, result.failures) == ([], [])


def test_a_missing_device_stops_before_anything_is_trained(graphs, images, recipe, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="no CUDA GPU"):
        measure(graphs, images, recipe, n_jobs=1, device="cuda")
