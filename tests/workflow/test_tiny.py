"""The whole workflow on a tiny configuration, and what it leaves behind."""

import json
import shutil
import subprocess
import sys

import pytest

from archloom.data.labels import mean_values, read_labels
from archloom.io.store import GraphStore

OUTPUTS = """
config.json front.csv front.md report.html summary.json
figures/input.svg figures/pareto.png figures/pareto.svg figures/search.svg
figures/rank_1.svg figures/rank_1_changes.svg
networks/input.json networks/input.onnx networks/input.weights.safetensors
networks/rank_1.json networks/rank_1.onnx networks/rank_1.weights.safetensors
""".split()
TARGET = "results/tiny/autogo/nb201"
CONFIG = ("--configfile", "config/test/tiny.yaml")


@pytest.fixture(scope="module")
def run(project, tmp_path_factory, checkout_type):
    """A finished run of the tiny configuration with the real scripts."""
    root = tmp_path_factory.mktemp("tiny") / "checkout"
    for name in ("config", "rules", "profiles", "workflow"):
        shutil.copytree(project / name, root / name)
    shutil.copy(project / "Snakefile", root)
    checkout = checkout_type(root)
    checkout.run(TARGET, *CONFIG)
    return checkout


def test_the_result_folder_is_complete(run):
    folder = run.root / TARGET
    assert not [name for name in OUTPUTS if not (folder / name).is_file()]
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["format"].startswith("archloom-autogo-summary/")


def test_nothing_half_written_is_left(run):
    assert not [path for path in run.root.rglob(".part-*")]
    assert not [path for path in (run.root / "resources").rglob("resume/*/*")]


def test_every_graph_of_a_family_has_a_label(run):
    resources = run.root / "resources/tiny"
    for family, count in (("nb201", 24), ("hiaml", 12)):
        store = GraphStore(resources / f"graphs/{family}.parquet")
        labels = mean_values(read_labels(resources / f"labels/{family}.parquet"))
        assert set(store.hashes()) == set(labels)
        assert len(store) == count


def test_a_second_run_does_nothing(run):
    assert not run.planned(TARGET, *CONFIG)


def test_a_network_from_an_onnx_file_is_made_faster(run, project, tmp_path):
    script = project / "examples" / "make_it_faster.py"
    command = [sys.executable, script, run.root / "resources/tiny", tmp_path, "--quick"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "mine.onnx: <Graph 'mine'" in shown
    faster = sorted(tmp_path.glob("faster_*.onnx"))
    assert f"wrote mine.onnx and {len(faster)} faster networks" in shown
    assert shown.count("of the weights kept") == len(faster) > 0
