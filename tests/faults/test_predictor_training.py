"""SIGKILL in the middle of training: nothing half-written, and the same result after resuming."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archloom.graph import GraphBuilder
from archloom.predict import GNN, LabelledGraphs, TrainingSettings

FILES = ("gnn.safetensors", "gnn.json")


def network(kernel, n):
    b = GraphBuilder()
    x = b.input(32, 32, 3)
    for _ in range(n):
        x = b.unary("relu", b.conv(x, 8, kernel))
    b.output(x)
    return b.build()


def train(folder):
    """Train for six epochs with a checkpoint, save; return the epochs that this call made."""
    graphs = [network(kernel, n) for kernel in (1, 3, 5) for n in range(1, 7)]
    data = LabelledGraphs(graphs, np.linspace(0.1, 0.9, len(graphs)))
    epochs, gnn = [], GNN()
    gnn.fit(
        data,
        data,
        TrainingSettings(epochs=6, batch_size=4),
        checkpoint=folder / "state.safetensors",
        on_epoch=lambda record: epochs.append(record.epoch),
    )
    gnn.save(folder / "gnn.safetensors")
    return epochs


def train_and_die(folder, fatal_write, before):
    """Train, but die at a write of the checkpoint: before or after it takes its place."""
    replace, writes = os.replace, []

    def replace_or_die(source, target):
        writes.append(target)
        last = len(writes) == fatal_write
        if not (last and before):
            replace(source, target)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_or_die
    train(folder)


@pytest.mark.parametrize(("before", "left"), [(False, [4, 5, 6]), (True, [3, 4, 5, 6])])
def test_a_killed_training_resumes_to_the_same_files(tmp_path, before, left):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    assert train(straight) == [1, 2, 3, 4, 5, 6]
    done = subprocess.run(
        [sys.executable, __file__, str(killed), "3", str(before)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (killed / "state.safetensors").exists()
    assert not (killed / "gnn.safetensors").exists()
    assert train(killed) == left
    for name in FILES:
        assert (straight / name).read_bytes() == (killed / name).read_bytes()
    states = [load_file(folder / "state.safetensors") for folder in (straight, killed)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


if __name__ == "__main__":
    train_and_die(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True")
