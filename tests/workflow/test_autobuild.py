"""AutoBuild through the workflow on a tiny configuration, without any data but a latency table."""

import json
import shutil

import pytest
import yaml

from archloom.search.units.label_models import covering_networks
from archloom.train.latency_table import LatencyTable, operator_keys

TARGET = "results/tiny/autobuild/ofa_mbv3"
CONFIG = ("--configfile", "tiny.yaml")
SETTINGS = {
    "run": {"name": "tiny"},
    "autobuild": {
        "networks": 300,
        "device": "here",
        "latency_table": "operators.json",
        "targets": ["acc / latency"],
        "epochs": 2,
        "seeds": 2,
        "top_k": 2,
        "searches": 2,
        "search": {"first": 10, "iterations": 1, "children": 5},
    },
}


@pytest.fixture(scope="module")
def run(project, tmp_path_factory, checkout_type):
    """A finished run with the real scripts, where no dataset is."""
    root = tmp_path_factory.mktemp("autobuild") / "checkout"
    for name in ("config", "rules", "profiles", "workflow"):
        shutil.copytree(project / name, root / name)
    shutil.copy(project / "Snakefile", root)
    (root / "tiny.yaml").write_text(yaml.safe_dump(SETTINGS))
    keys = {key for graph in covering_networks("ofa_mbv3") for key in operator_keys(graph)}
    LatencyTable(dict.fromkeys(keys, 0.05)).write(root / "operators.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCHLOOM_DATA", str(root / "nothing"))
        checkout = checkout_type(root)
        checkout.run(TARGET, *CONFIG)
        yield checkout


def test_labels_to_report_without_data(run):
    folder = run.root / TARGET
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["sources"] == {
        "acc": "a made-up formula, no measurement",
        "latency": "the sum of operators measured one by one",
    }
    assert list(summary["targets"]) == ["acc / latency"] and summary["networks"] == 300
    assert {row["method"] for row in summary["methods"]} == {
        "AutoBuild",
        "Layer-Full",
        "Stage-Full",
    }
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert not list(run.root.rglob(".part-*"))


def test_a_second_run_does_nothing(run):
    assert not run.planned(TARGET, *CONFIG)


def test_a_target_that_cannot_be_computed_is_told_before_anything_runs(run):
    done = run.snakemake(TARGET, "--config", "autobuild={targets: [acc - price]}", "--dry-run")
    assert done.returncode and "'price'): there is no such metric" in done.stdout + done.stderr


def test_a_table_of_ones_own_needs_no_measurements(run):
    (run.root / "mine.parquet").write_bytes(b"")
    chosen = "autobuild={table: mine.parquet, targets: [acc]}"
    planned = run.planned("results/mine/autobuild/ofa_pn", "--config", "run={name: mine}", chosen)
    assert planned["label_block_networks"] == 1 and "measure_operator_latency" not in planned


def test_measuring_the_operators_is_part_of_the_plan_where_no_table_is_given(run):
    planned = run.planned(
        "results/other/autobuild/ofa_pn",
        "--config",
        "run={name: other}",
        "autobuild={device: here, targets: [acc]}",
    )
    assert planned["measure_operator_latency"] == planned["rank_units"] == 1
