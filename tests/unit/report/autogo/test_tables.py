"""The front table as CSV, Markdown and cells of the page."""

import csv
import io
from dataclasses import replace

from archloom.report.autogo.tables import display, front_rows, sort_keys, to_csv, to_markdown
from archloom.report.autogo.verdict import Measured, compare_with_input
from archloom.search.figures import Figure
from archloom.search.graphs.record import read_search


def rows_of(run, measured):
    record = read_search(run.files.stats, run.files.visited)
    winners = {rank: entry for rank, entry in measured.items() if rank}
    return front_rows(record, measured, compare_with_input(measured[0], winners))


MEASURED = {0: Measured((0.90, 0.91)), 2: Measured((0.95, 0.96))}


def test_csv_has_a_row_per_graph_with_full_precision(finished_run):
    rows = list(csv.DictReader(io.StringIO(to_csv(rows_of(finished_run, MEASURED)))))
    assert [row["rank"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[2]["accuracy"]) == MEASURED[2].mean
    assert rows[2]["outcome"] == "better" and rows[1]["accuracy"] == ""
    assert rows[1]["hash"] == finished_run.graphs[1].hash


def test_markdown_is_a_table_of_the_same_rows(finished_run):
    rows = rows_of(finished_run, MEASURED)
    lines = to_markdown(rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert len({line.count("|") for line in lines}) == 1
    assert "95.50 ± 0.71" in lines[4] and lines[2].startswith("| input |")


def test_every_cell_has_a_number_to_sort_by_or_is_missing(finished_run):
    for row in rows_of(finished_run, MEASURED):
        cells, keys = display(row), sort_keys(row)
        assert cells.keys() == keys.keys()
        for name, key in keys.items():
            assert isinstance(key, (int, float)) or cells[name] in ("", "–")


def test_further_objectives_and_measured_latency_have_columns(finished_run):
    record = read_search(finished_run.files.stats, finished_run.files.visited)
    timed = {"own": {"median": 8.0}, "input": {"median": 10.0}, "change_percent": -20.0}
    winners = [
        replace(
            one, values={**one.values, "latency": 9.0}, changes={"latency": -10.0}, latency=timed
        )
        for one in record.winners
    ]
    base = replace(record.baseline, values={**record.baseline.values, "latency": 10.0})
    figures = (*record.figures, Figure("latency", "ms"))
    rows = front_rows(
        replace(record, baseline=base, winners=tuple(winners), figures=figures), {}, []
    )
    shown = [display(row) for row in rows]
    assert [cells["latency [ms]"] for cells in shown[:2]] == ["10", "9"]
    assert [cells["Δ latency"] for cells in shown[:2]] == ["", "−10.0 %"]
    assert [cells["measured [ms]"] for cells in shown[:2]] == ["10", "8"]
    assert all(display(row).keys() == sort_keys(row).keys() for row in rows)
    table = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert float(table[1]["Δ measured"]) == -20.0 and "others" not in table[0]
