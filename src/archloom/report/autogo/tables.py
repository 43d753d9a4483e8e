"""The table of front members: rows, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from archloom.report.autogo.verdict import Comparison, Measured
from archloom.report.autogo.words import percent, points
from archloom.search.graphs.record import SearchRecord, Winner


@dataclass(frozen=True)
class Row:
    """One graph of the front table; rank 0 is the input. Accuracies are fractions.

    difference, half_width : accuracy minus the input's, and half of the confidence interval's width
    others : further figures of the search by heading; those with Δ are changes in percent
    """

    rank: int
    hash: str
    predicted: float
    delta_score: float
    flops: int
    delta_flops_percent: float
    nodes: int
    delta_nodes: int
    iteration: int
    accuracy: float | None = None
    accuracy_std: float | None = None
    seeds: int = 0
    difference: float | None = None
    half_width: float | None = None
    outcome: str = ""
    others: Mapping[str, float] = field(default_factory=dict)


def front_rows(
    record: SearchRecord, measured: Mapping[int, Measured], comparisons: Sequence[Comparison]
) -> list[Row]:
    """Return the input's row and one per front member, best in the first objective first."""
    base = record.baseline
    head = Row(0, base.hash, base.score, 0.0, base.flops, 0.0, base.nodes, 0, 0)
    rows = [head, *(_winner_row(winner) for winner in record.winners)]
    others = [_others(record, None), *(_others(record, winner) for winner in record.winners)]
    rows = [replace(row, others=found) for row, found in zip(rows, others, strict=True)]
    compared = {entry.rank: entry for entry in comparisons}
    return [_with_accuracy(row, measured.get(row.rank), compared.get(row.rank)) for row in rows]


def _winner_row(winner: Winner) -> Row:
    return Row(
        winner.rank,
        winner.hash,
        winner.score,
        winner.delta_score,
        winner.flops,
        winner.delta_flops_percent,
        winner.nodes,
        winner.delta_nodes,
        winner.iteration,
    )


def _others(record: SearchRecord, winner: Winner | None) -> dict[str, float]:
    """Return what a search recorded besides score and FLOPs; of the input for None."""
    found: dict[str, float] = {}
    for figure in record.figures:
        if figure.name not in ("score", "flops"):
            unit = f" [{figure.unit}]" if figure.unit else ""
            values = winner.values if winner else record.baseline.values
            found[f"{figure.name}{unit}"] = values[figure.name]
            found[f"Δ {figure.name}"] = winner.changes[figure.name] if winner else 0.0
    timed = winner.latency if winner else next((one.latency for one in record.winners), None)
    if timed:
        found["measured [ms]"] = timed["own" if winner else "input"]["median"]
        found["Δ measured"] = timed["change_percent"] if winner else 0.0
    return found


def _with_accuracy(row: Row, measured: Measured | None, comparison: Comparison | None) -> Row:
    values: dict[str, Any] = {}
    if measured is not None:
        values = {
            "accuracy": measured.mean,
            "accuracy_std": measured.std,
            "seeds": measured.n,
        }
    if comparison is not None:
        values |= {
            "difference": comparison.difference,
            "half_width": comparison.half_width,
            "outcome": str(comparison.outcome),
        }
    return replace(row, **values)


def to_csv(rows: Sequence[Row]) -> str:
    """Return all rows as CSV with full precision; missing values are empty."""
    records = [{**asdict(row), **row.others} for row in rows]
    names = [name for name in records[0] if name != "others"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def to_markdown(rows: Sequence[Row]) -> str:
    """Return the rows as people read them."""
    cells = [display(row) for row in rows]
    heads = list(cells[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row[head] for head in heads) + " |" for row in cells]
    return "\n".join(lines) + "\n"


def display(row: Row) -> dict[str, str]:
    """Return a row's cells as text, by heading."""
    return {
        "rank": str(row.rank) if row.rank else "input",
        "predicted": f"{row.predicted:.4f}".replace("-", "−"),
        "Δ predicted": f"{row.delta_score:+.4f}".replace("-", "−") if row.rank else "",
        "MFLOPs": f"{row.flops / 1e6:,.2f}",
        "Δ FLOPs": percent(row.delta_flops_percent) if row.rank else "",
        **{name: _other(row, name) for name in row.others},
        "accuracy %": _accuracy(row),
        "Δ accuracy": _difference(row),
        "seeds": str(row.seeds) if row.seeds else "–",
        "nodes": f"{row.nodes} ({row.delta_nodes:+d})".replace("-", "−")
        if row.rank
        else str(row.nodes),
        "iteration": str(row.iteration) if row.rank else "",
        "verdict": row.outcome,
    }


def sort_keys(row: Row) -> dict[str, Any]:
    """Return a number to sort each cell of ``display`` by; None where there is none."""
    return {
        "rank": row.rank,
        "predicted": row.predicted,
        "Δ predicted": row.delta_score,
        "MFLOPs": row.flops,
        "Δ FLOPs": row.delta_flops_percent,
        **row.others,
        "accuracy %": row.accuracy,
        "Δ accuracy": row.difference,
        "seeds": row.seeds,
        "nodes": row.nodes,
        "iteration": row.iteration,
        "verdict": row.difference,
    }


def _other(row: Row, name: str) -> str:
    if name.startswith("Δ"):
        return percent(row.others[name]) if row.rank else ""
    value = row.others[name]
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _accuracy(row: Row) -> str:
    if row.accuracy is None:
        return "–"
    spread = "" if row.accuracy_std is None else f" ± {points(row.accuracy_std)}"
    return f"{points(row.accuracy)}{spread}"


def _difference(row: Row) -> str:
    if row.difference is None:
        return "" if row.rank == 0 else "–"
    half = "" if row.half_width is None else f" ± {points(row.half_width)}"
    return f"{points(row.difference, sign=True)}{half}"
