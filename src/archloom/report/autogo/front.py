"""The front of a search as files for a person who does not use the workflow."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from archloom.files import write_text
from archloom.report.networks import write_network
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
    rows = result.rows()
    if coverages:
        for row, coverage in zip(rows[1:], coverages, strict=True):
            row["coverage"] = coverage
    writer = csv.DictWriter(buffer, list((rows[1:] or rows)[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
