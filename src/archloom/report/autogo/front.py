"""The front of a search as files for a person who does not use the workflow."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archloom.files import write_text
from archloom.report.networks import write_network
from archloom.search.constraints import relative_change
from archloom.search.graphs.record import save_search
from archloom.search.graphs.result import SearchResult
from archloom.search.graphs.transfer import transfer

if TYPE_CHECKING:
    from torch import Tensor


def write_front(
    result: SearchResult, folder: str | Path, weights: Mapping[str, Tensor] | None = None
) -> list[float]:
    """Write what a search found into ``folder``; return the coverage of each member.

    front.parquet, visited.parquet and stats.json as ``save_search`` does, front.csv, and of every
    member rank_N.json, rank_N.onnx and rank_N_changes.svg.

    weights   of the input, by node id: members take over what fits. Then there is also
              rank_N.weights.safetensors with a card, and the coverage (the share of the trainable
              parameters taken over) stands in front.csv, in stats.json and on the card. Without
              them the ONNX files hold untrained weights and the list is empty.
    """
    home = Path(folder)
    coverages = []
    for rank, member in enumerate(result.members, start=1):
        graph = member.graph.replace(name=f"{result.graph.name}-rank-{rank}")
        found = None if weights is None else transfer(weights, graph)
        taken, facts = None, None
        if found:
            coverages.append(found.coverage)
            taken = found.weights
            facts = {"coverage": found.coverage, "from": result.graph.hash}
        write_network(graph, home / f"rank_{rank}", taken, facts, parent=result.graph)
    front, visited, stats = (home / f for f in ("front.parquet", "visited.parquet", "stats.json"))
    save_search(result, front, visited, stats, coverages)
    write_text(home / "front.csv", _table(result, coverages))
    return coverages


def _table(result: SearchResult, coverages: list[float]) -> str:
    """Return the input (rank 0) and the members as CSV with full precision."""
    buffer = StringIO()
    rows = [_input_row(result), *_member_rows(result, coverages)]
    writer = csv.DictWriter(buffer, list((rows[1:] or rows)[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _input_row(result: SearchResult) -> dict[str, Any]:
    return {"rank": 0, "hash": result.graph.hash, **result.values, "nodes": result.graph.n_nodes}


def _member_rows(result: SearchResult, coverages: list[float]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for index, member in enumerate(result.members):
        row: dict[str, Any] = {"rank": index + 1, "hash": member.graph.hash, **member.values}
        for name, value in member.values.items():
            row[f"{name}_change_percent"] = relative_change(value, result.values[name])
        if member.latency is not None:
            own = member.latency.own
            row |= {
                "measured_ms": own.median,
                "measured_lower_ms": own.lower,
                "measured_upper_ms": own.upper,
                "measured_input_ms": member.latency.reference.median,
                "measured_change_percent": member.latency.change,
                "confirmed": member.confirmed,
            }
        row |= {"nodes": member.graph.n_nodes, "iteration": member.iteration}
        if coverages:
            row["coverage"] = coverages[index]
        rows.append(row)
    return rows
