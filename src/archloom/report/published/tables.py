"""The result folder of a paper's tables: page, CSV and Markdown of each table, summary."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from archloom.files import write_text
from archloom.report.page import render
from archloom.report.published.facts import Entry, Printed, Published, Table, Value, read_published
from archloom.report.published.ours import (
    COMPUTED,
    MEASURED,
    NOT_RUN,
    RECORDED,
    Ours,
    Sources,
    ours_of,
)

SUMMARY_FORMAT = "archloom-tables-summary/1"
STATES = (COMPUTED, MEASURED, RECORDED, NOT_RUN)
_DECIMALS = {"": 3, "%": 2, "percentage points": 2, "GFLOPs": 2, "MFLOPs": 1, "ms": 2, "dB": 2}
_UNITS = {"percentage points": "points"}
_TIMES = ("ms", "s", "min")


@dataclass(frozen=True)
class Row:
    """One published figure beside ours, in the same unit.

    difference : ours minus published, where both are numbers that compare
    """

    row: str
    column: str
    metric: str
    unit: str
    published: Value
    published_std: float | None
    ours: Value
    ours_std: float | None
    ours_lower_quartile: float | None
    ours_upper_quartile: float | None
    difference: float | None
    state: str
    how: str
    command: str
    machine: str
    note: str


@dataclass(frozen=True)
class FilledTable:
    """A table of the paper with our figures."""

    facts: Table
    rows: tuple[Row, ...]


def write_tables(published: str | Path, sources: Sources, folder: str | Path) -> None:
    """Write report.html, summary.json and per table a CSV and a Markdown file into ``folder``.

    published : file of the paper's figures

    Raises ``FormatError`` when a file cannot be read.
    """
    facts = read_published(published)
    tables = fill(facts, sources)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for table in tables:
        write_text(target / f"{table.facts.name}.csv", to_csv(table.rows))
        write_text(target / f"{table.facts.name}.md", to_markdown(table))
    write_text(target / "summary.json", json.dumps(_summary(facts, tables), indent=1) + "\n")
    write_text(target / "report.html", render("published.html", _page(facts, tables)))


def fill(published: Published, sources: Sources) -> list[FilledTable]:
    """Return the tables of a paper with our figures."""
    return [
        FilledTable(
            table, tuple(_row(entry, ours_of(entry, table, sources)) for entry in table.entries)
        )
        for table in published.tables
    ]


def _row(entry: Entry, ours: Ours) -> Row:
    quartiles = ours.quartiles or (None, None)
    return Row(
        row=entry.row,
        column=entry.column,
        metric=entry.metric,
        unit=entry.unit,
        published=entry.value,
        published_std=entry.std,
        ours=ours.value,
        ours_std=ours.spread,
        ours_lower_quartile=quartiles[0],
        ours_upper_quartile=quartiles[1],
        difference=_difference(entry, ours),
        state=ours.state,
        how=ours.how,
        command=ours.command,
        machine=ours.machine,
        note=entry.note,
    )


def _difference(entry: Entry, ours: Ours) -> float | None:
    """Return ours minus published; times are of different machines and do not compare."""
    numbers = isinstance(entry.value, int | float) and isinstance(ours.value, int | float)
    if not numbers or entry.unit in _TIMES:
        return None
    return float(ours.value) - float(entry.value)  # type: ignore[arg-type]


# --- texts ---------------------------------------------------------------------------------------


def to_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV with full precision; missing values are empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return buffer.getvalue()


def to_markdown(table: FilledTable) -> str:
    """Return a table with its notes as people read it."""
    cells = [display(row) for row in table.rows]
    heads = list(cells[0])
    lines = [f"## {table.facts.title}", ""]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in cells:
        texts = [cell.replace("|", "\\|") for cell in row.values()]
        lines.append("| " + " | ".join(texts) + " |")
    lines += ["", *(f"- {note}" for note in table.facts.notes)]
    lines += [f"- Our machine: {machine}" for machine in _distinct(table.rows, "machine")]
    return "\n".join(lines).rstrip() + "\n"


def display(row: Row) -> dict[str, str]:
    """Return a row's cells as text, by heading."""
    how = f"{row.how}; run: {row.command}" if row.command else row.how
    return {
        "row": row.row,
        "column": row.column,
        "quantity": f"{row.metric}, {_UNITS.get(row.unit, row.unit)}" if row.unit else row.metric,
        "published": _with_spread(_number(row.published, row.unit), row.published_std, row.unit),
        "ours": _own(row),
        "difference": _signed(row),
        "how ours was made": f"{row.state}: {how}",
        "note": row.note,
    }


def _own(row: Row) -> str:
    text = _with_spread(_number(row.ours, row.unit), row.ours_std, row.unit)
    if row.ours_lower_quartile is None:
        return text
    ends = (row.ours_lower_quartile, row.ours_upper_quartile)
    return f"{text} [{', '.join(_number(end, row.unit) for end in ends)}]"


def _number(value: Value, unit: str) -> str:
    """Return a figure as text: a published one as printed, whole numbers as they are, others with
    the decimals of the unit.
    """
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, Printed):
        return f"{value:,.{value.decimals}f}".replace("-", "−")
    whole = isinstance(value, int) or (value == int(value) and unit in ("", "MFLOPs"))
    decimals = 0 if whole else _DECIMALS.get(unit, 2)
    return f"{value:,.{decimals}f}".replace("-", "−")


def _with_spread(text: str, spread: float | None, unit: str) -> str:
    if spread is None:
        return text
    wide = spread if isinstance(spread, Printed) else float(spread)
    return f"{text} ± {_number(wide, unit)}"


def _signed(row: Row) -> str:
    if row.difference is None:
        return ""
    decimals = 0 if isinstance(row.ours, int) else _DECIMALS.get(row.unit, 2)
    text = f"{row.difference:+,.{decimals}f}"
    return "0" if float(text.replace(",", "")) == 0 else text.replace("-", "−")


# --- page ----------------------------------------------------------------------------------------


def _summary(facts: Published, tables: Sequence[FilledTable]) -> dict[str, Any]:
    """Return the content of summary.json."""
    return {
        "format": SUMMARY_FORMAT,
        "system": facts.system,
        "paper": facts.paper,
        "figures": _states(tables),
        "tables": {table.facts.name: [asdict(row) for row in table.rows] for table in tables},
        "version": version("archloom"),
    }


def _states(tables: Sequence[FilledTable]) -> dict[str, int]:
    found = Counter(row.state for table in tables for row in table.rows)
    return {state: found[state] for state in STATES}


def _page(facts: Published, tables: Sequence[FilledTable]) -> Mapping[str, Any]:
    """Return the values of the page's template."""
    return {
        "system": facts.system,
        "paper": facts.paper,
        "states": _states(tables),
        "tables": [
            {
                "facts": table.facts,
                "states": _states([table]),
                "groups": _groups(table.rows),
                "commands": _distinct(table.rows, "command"),
                "machines": _distinct(table.rows, "machine"),
            }
            for table in tables
        ],
        "version": version("archloom"),
    }


def _groups(rows: Sequence[Row]) -> list[tuple[str, list[tuple[Row, dict[str, str]]]]]:
    """Return consecutive rows of the same name together, each with its texts."""
    groups: dict[str, list[tuple[Row, dict[str, str]]]] = {}
    for row in rows:
        groups.setdefault(row.row, []).append((row, display(row)))
    return list(groups.items())


def _distinct(rows: Sequence[Row], field: str) -> list[str]:
    """Return the different texts of a field, in order, without the empty one."""
    return [text for text in dict.fromkeys(getattr(row, field) for row in rows) if text]
