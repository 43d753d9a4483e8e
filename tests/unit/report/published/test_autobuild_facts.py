"""AutoBuild's published figures: all tables are there, and ours point at what benchmarks record."""

import json

import pytest

from archloom.report.published.facts import read_published
from archloom.report.published.ours import KINDS, Sources
from archloom.report.published.tables import write_tables
from benchmarks.autobuild.bench_autobuild_tables import POINTS

PRINTED = {
    "diffusion": 6,
    "hops": 24,
    "construction": 22,
    "pareto": 54,
    "max_accuracy": 14,
    "responses": 65,
    "predictors": 24,
}


@pytest.fixture(scope="module")
def autobuild(project):
    return read_published(project / "config" / "published" / "autobuild.yaml")


def test_every_figure_asked_for_is_there(autobuild):
    printed = {
        table.name: sum(entry.value is not None for entry in table.entries)
        for table in autobuild.tables
    }
    assert printed == PRINTED
    values = {
        (entry.row, entry.column): entry.value
        for table in autobuild.tables
        for entry in table.entries
    }
    assert values["ProxylessNAS, NPU latency", "prediction"] == 0.985
    assert values["GPU, AutoBuild-NAS", "within 9.5 ms"] == 79.05
    assert values["PN, NPU latency", "e6k7"] == 14.67


def test_entries_without_ours_say_why(autobuild):
    for table in autobuild.tables:
        for entry in table.entries:
            assert entry.ours.keys() <= KINDS.keys() and table.missing


def test_the_benchmark_asks_for_the_published_latencies(autobuild):
    asked = {
        (f"{device.upper()}, {method}", f"within {ms} ms")
        for device, by_method in POINTS.items()
        for method, latencies in by_method.items()
        for ms in latencies
    }
    (pareto,) = (table for table in autobuild.tables if table.name == "pareto")
    assert asked == {(entry.row, entry.column) for entry in pareto.entries}


def test_what_is_recorded_is_found_where_the_entries_look(project, autobuild, tmp_path):
    records = {path.stem: path for path in (project / "benchmarks" / "results").glob("*.json")}
    path = project / "config" / "published" / "autobuild.yaml"
    write_tables(path, Sources(records=records), tmp_path)
    tables = json.loads((tmp_path / "summary.json").read_text())["tables"]
    for table in autobuild.tables:
        for entry, row in zip(table.entries, tables[table.name], strict=True):
            told = entry.ours.get("recorded")
            if told is None:
                assert row["state"] == "not run"
                continue
            figures = json.loads(records[told["file"]].read_text())["figures"]
            there = told["path"][0] in figures
            assert row["state"] == ("recorded" if there else "not run"), (table.name, entry.row)
    errors = [row["ours"] for row in tables["predictors"] if row["unit"] == "millionths"]
    assert len(errors) == 8 and max(errors) < 10
