"""The examples run as their docstrings say."""

import subprocess
import sys

from archloom.io import read_graph


def test_build_a_graph(project, tmp_path):
    command = [sys.executable, project / "examples" / "build_a_graph.py", tmp_path]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    graph = read_graph(tmp_path / "two-blocks.json")
    assert f"{graph.n_nodes} nodes" in shown and "output (1, 10)" in shown
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".onnx", ".svg"}
