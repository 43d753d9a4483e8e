"""The examples run as their docstrings say."""

import runpy
import subprocess
import sys

import pytest

from archloom.io import read_graph


def test_build_a_graph(project, tmp_path):
    command = [sys.executable, project / "examples" / "build_a_graph.py", tmp_path]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    graph = read_graph(tmp_path / "two-blocks.json")
    assert f"{graph.n_nodes} nodes" in shown and "output (1, 10)" in shown
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".onnx", ".svg"}


def test_model_demo_runs_networks_of_three_families(project):
    demo = runpy.run_path(str(project / "examples" / "model_demo.py"))
    for graph in demo["own"]():
        line = demo["describe"](graph)
        assert "output (1, 10)" in line
        assert float(line.split()[-1]) < 1e-4


def test_model_demo_counts_the_released_networks(project, data_folder):
    demo = runpy.run_path(str(project / "examples" / "model_demo.py"))
    vgg = [graph for graph in demo["released"]() if graph.name.startswith("vgg")]
    lines = [" ".join(demo["describe"](graph).split()) for graph in vgg]
    assert lines == [
        "vgg16_bn 30,806 MFLOPs 48 nodes / 47 edges",
        "vgg16_autogo 24,335 MFLOPs 64 nodes / 64 edges",
    ]


@pytest.fixture(scope="module")
def transferred(project):
    """What the transfer demo prints."""
    command = [sys.executable, project / "examples" / "transfer_demo.py"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_transfer_demo_converts_a_network_of_its_own(transferred):
    assert "224x224 -> 1 x 10; 100 %" in transferred
    assert "256x256 -> 1 x 256 x 8 x 8; 100 %" in transferred
    assert "713x713 -> 1 x 256 x 90 x 90, 1 x 128 x 90 x 90; 100 %" in transferred


def test_transfer_demo_converts_the_released_resnets(transferred, data_folder):
    assert transferred.count("152 nodes / 164 edges") == 2
    for shape in ("1 x 1000;", "1 x 2048 x 8 x 8;", "1 x 2048 x 90 x 90, 1 x 1024 x 90 x 90;"):
        assert transferred.count(shape) == 2
