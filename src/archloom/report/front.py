"""The front of a search as files for a person who does not use the workflow."""

from __future__ import annotations

from pathlib import Path

from archloom.io import write
from archloom.io.drawing import draw_changes
from archloom.search.record import save_search
from archloom.search.result import SearchResult


def write_front(result: SearchResult, folder: str | Path) -> None:
    """Write what a search found into ``folder``.

    front.parquet, visited.parquet and stats.json as ``save_search`` does, and of every member
    rank_N.json, rank_N.onnx (untrained weights) and rank_N_changes.svg.
    """
    home = Path(folder)
    save_search(result, home / "front.parquet", home / "visited.parquet", home / "stats.json")
    for rank, member in enumerate(result.members, start=1):
        stem = home / f"rank_{rank}"
        write(member.graph, stem.with_suffix(".json"))
        write(member.graph, stem.with_suffix(".onnx"))
        draw_changes(result.graph, member.graph, home / f"rank_{rank}_changes.svg")
