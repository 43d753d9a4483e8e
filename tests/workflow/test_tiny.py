"""The whole workflow on a tiny configuration, what it leaves behind, and its jobs killed."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from archloom.data.labels import mean_values, read_labels
from archloom.io.store import GraphStore
from archloom.workflow.content import files_in

OUTPUTS = """
config.json front.csv front.md report.html summary.json
figures/input.svg figures/pareto.png figures/pareto.svg figures/search.svg
figures/rank_1.svg figures/rank_1_changes.svg
networks/input.json networks/input.onnx networks/input.weights.safetensors
networks/rank_1.json networks/rank_1.onnx networks/rank_1.weights.safetensors
""".split()
TARGET = "results/tiny/autogo/nb201"
CONFIG = ("--configfile", "config/test/tiny.yaml")
PART = "shards/1of1/weights"
KILLER = """
import os, runpy, signal, sys

pattern, left = sys.argv[1], int(sys.argv[2])
replace = os.replace

def replace_or_die(source, target):
    global left
    left -= os.fspath(target).endswith(pattern)
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = replace_or_die
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script, and kills it where it puts a file of that name in place, the nth time."""


@pytest.fixture(scope="module")
def run(project, tmp_path_factory, checkout_type):
    """A finished run of the tiny configuration with the real scripts, in a folder with blanks and
    letters beyond ASCII in its name.
    """
    root = tmp_path_factory.mktemp("tiny") / "ein Ordner, größer 空"
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


def test_merged_weights_have_a_time_stamp_of_their_own(run):
    front = run.root / "resources/tiny/front/nb201"
    merged, part = (front / name / ".snakemake_timestamp" for name in ("weights", PART))
    assert merged.stat().st_ino != part.stat().st_ino


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


def same_but_for_times(path: Path) -> object:
    """What two runs of a job have in common: all but how long something took."""
    if path.is_dir():
        return {file.name: same_but_for_times(file) for file in files_in(path)}
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        if "seconds" in table.column_names:
            return table.drop_columns("seconds")
    times = rb'"\w*seconds": (\{[^}]*\}|[^,}\n]*)'
    content = path.read_bytes()
    return re.sub(times, b"", content) if path.suffix == ".json" else content


@pytest.mark.parametrize(
    ("script", "where", "pattern", "number"),
    [
        ("measure_labels", "hiaml", "1of1.json", 1),
        ("merge_labels", "hiaml", "hiaml.json", 1),
        ("train_predictor", "", ".safetensors", 2),
        ("search_graphs", "", "iteration-0001.json", 1),
        ("build_segments", "", "instances.parquet", 1),
    ],
)
def test_a_job_that_is_killed_while_it_writes_ends_with_the_same(
    run, script, where, pattern, number
):
    shown = ("--forceall", "--dry-run", "--printshellcmds", "--cores", "2")
    told = run.snakemake(TARGET, *CONFIG, *shown)
    commands = re.findall(
        rf"Shell command: python (\S+/{script}\.py .*)", told.stdout + told.stderr
    )
    arguments = shlex.split(next(one for one in commands if where in one))
    marks = [n for n, word in enumerate(arguments) if word == "--output"]
    outputs = [run.root / arguments[n + 2] for n in marks]
    before = [same_but_for_times(path) for path in outputs]
    for path in [*outputs, run.root / "resources/tiny/kept", run.root / "resources/tiny/resume"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    threads = arguments[arguments.index("--threads") + 1]
    environment = os.environ | {"OMP_NUM_THREADS": threads}  # as Snakemake sets it
    killer = [sys.executable, "-c", KILLER, pattern, str(number), *arguments]
    killed = subprocess.run(killer, cwd=run.root, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not all(path.exists() for path in outputs)
    subprocess.run([sys.executable, *arguments], cwd=run.root, env=environment, check=True)
    assert [same_but_for_times(path) for path in outputs] == before
