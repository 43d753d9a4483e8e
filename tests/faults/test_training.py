"""SIGKILL, Ctrl-C and divergence in training: nothing lost, nothing half-written, same results."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from archloom.data.images import Images
from archloom.graph import GraphBuilder
from archloom.train.measure import measure
from archloom.train.recipe import Recipe
from archloom.train.trainer import train

RECIPE = Recipe(epochs=4, batch_size=10, flip=True, zoom=0.2)
SEEDS = (0, 1)


def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 17, (40, 1, 4, 4)).astype(np.uint8)
    labels = (pixels.mean((1, 2, 3)) > 8).astype(np.int64)
    return Images("tiny", pixels[:20], labels[:20], pixels[20:], labels[20:], 1 / 16, 2)


def network(width):
    b = GraphBuilder(name=f"width {width}", family="test")
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(4, 4, 1), width)))
    b.output(b.matmul(b.unary("mean", x), 2))
    return b.build()


NETWORKS = [network(width) for width in (2, 3, 4)]


def stop_now(how):
    os.kill(os.getpid(), int(how))


def stopped_training(folder, how):
    """Train one network and stop after the second epoch."""
    train(
        network(4),
        images(),
        RECIPE,
        seed=1,
        checkpoint=folder / "state.safetensors",
        checkpoint_seconds=0,
        progress=lambda epoch, _: stop_now(how) if epoch == 2 else None,
    )


def stopped_measuring(folder, how, n_jobs):
    """Measure six trainings and stop after the third."""
    measure(
        NETWORKS,
        images(),
        RECIPE,
        SEEDS,
        out=folder,
        n_jobs=int(n_jobs),
        progress=lambda done, _: stop_now(how) if done == 3 else None,
    )


def run(function, folder, *arguments):
    """Run ``function`` in a process of its own; returns when it and all its children are gone."""
    done = subprocess.run(
        [sys.executable, __file__, function, str(folder), *map(str, arguments)],
        capture_output=True,  # until the last process that holds the pipe has ended
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode != 0
    return done


def figures(result):
    return [replace(label, seconds=0.0) for label in result.labels]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_training_goes_on_to_the_same_result(tmp_path, how):
    run("stopped_training", tmp_path, int(how))
    checkpoint = tmp_path / "state.safetensors"
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]
    epochs = []
    rest = train(
        network(4), images(), RECIPE, 1, checkpoint, progress=lambda n, _: epochs.append(n)
    )
    torch.set_num_threads(1)
    whole = train(network(4), images(), RECIPE, 1)
    assert epochs == [3, 4]
    assert (rest.accuracy, rest.history) == (whole.accuracy, whole.history)
    assert all(torch.equal(rest.weights[name], one) for name, one in whole.weights.items())


@pytest.mark.parametrize(("how", "n_jobs"), [(signal.SIGKILL, 2), (signal.SIGINT, 1)])
def test_stopped_measuring_goes_on_to_the_same_labels(tmp_path, how, n_jobs):
    run("stopped_measuring", tmp_path, int(how), n_jobs)
    steps = []
    rest = measure(
        NETWORKS,
        images(),
        RECIPE,
        SEEDS,
        out=tmp_path,
        n_jobs=1,
        progress=lambda done, _: steps.append(done),
    )
    assert 0 < len(steps) <= 3  # three at least were there
    assert figures(rest) == figures(measure(NETWORKS, images(), RECIPE, SEEDS, n_jobs=1))


def test_damage_to_what_was_noted_costs_the_damaged_lines_only(tmp_path):
    whole = measure(NETWORKS[:1], images(), RECIPE, SEEDS, out=tmp_path, n_jobs=1)
    (shard,) = tmp_path.glob("*.jsonl")
    first, second = shard.read_bytes().splitlines(keepends=True)
    shard.write_bytes(bytes(100) + b"\n\xff\xfe\n[1]\n7\n{}\n" + first + second[:20])
    steps = []
    again = measure(
        NETWORKS[:1],
        images(),
        RECIPE,
        SEEDS,
        out=tmp_path,
        n_jobs=1,
        progress=lambda done, _: steps.append(done),
    )
    assert steps == [2]  # one was there
    assert figures(again) == figures(whole)


def test_a_diverging_network_is_a_reported_failure(tmp_path):
    wild = replace(RECIPE, optimiser="sgd", learning_rate=1e30, schedule="constant")
    result = measure(NETWORKS[:2], images(), wild, out=tmp_path, n_jobs=1)
    assert result.labels == []
    assert [failure.name for failure in result.failures] == ["width 2", "width 3"]
    assert "the loss was" in result.failures[0].reason
    assert list(tmp_path.rglob("*.jsonl")) == []


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
