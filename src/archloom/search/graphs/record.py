"""What a search leaves behind: front, visited graphs and statistics as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archloom.files import write_text
from archloom.io.store import write_store
from archloom.parquet import write_parquet
from archloom.predict.range import Place
from archloom.search.constraints import relative_change
from archloom.search.graphs.result import Member, SearchResult

FRONT_FORMAT = "archloom-front/2"
STATS_FORMAT = "archloom-search-stats/2"


def save_search(
    result: SearchResult,
    front: str | Path,
    visited: str | Path,
    stats: str | Path,
    coverages: Sequence[float] = (),
) -> None:
    """Write a search result.

    front     graph store of the members, best score first, named ``<input>-rank-1``, ...
    visited   table of all scored graphs, see ``archloom.search.archive.visited_schema``
    stats     JSON: the front's figures (``front_document``) and the search's statistics
    coverages of the members, where they took over weights (``archloom.search.graphs.transfer``)
    """
    named = (
        member.graph.replace(name=f"{result.graph.name}-rank-{rank}")
        for rank, member in enumerate(result.members, start=1)
    )
    write_store(named, front)
    write_parquet(result.visited, visited)
    document = {**stats_document(result), "front": front_document(result, coverages)}
    write_text(stats, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def front_document(result: SearchResult, coverages: Sequence[float] = ()) -> dict[str, Any]:
    """Return the figures of the front and of the input as JSON values.

    ``values`` of the input and of each member hold every figure by name; ``objectives`` name those
    that were optimised, ``figures`` all of them with unit and direction.
    """
    return {
        "format": FRONT_FORMAT,
        "model": result.graph.name,
        "figures": [one.describe() for one in result.goals.figures],
        "objectives": [one.name for one in result.goals.objectives],
        "constraints": [str(one) for one in result.goals.constraints],
        "baseline": {
            "values": dict(result.values),
            "hash": result.graph.hash,
            "nodes": result.graph.n_nodes,
            "range": _range_entry(result.place),
        },
        "members": [
            _entry(result, rank, member) | ({"coverage": coverages[rank - 1]} if coverages else {})
            for rank, member in enumerate(result.members, start=1)
        ],
    }


def stats_document(result: SearchResult) -> dict[str, Any]:
    """Return how the search went as JSON values."""
    return {
        "format": STATS_FORMAT,
        "iterations": result.statistics,
        "rejected": dict(sorted(result.rejected.items())),
        "propagation": result.propagation.to_dict(),
        "visited": len(result.visited),
        "seconds": round(sum(entry["seconds"] for entry in result.statistics), 3),
        "settings": asdict(result.settings),
        "seed": result.seed,
        "stopped": result.stopped,
    }


def _entry(result: SearchResult, rank: int, member: Member) -> dict[str, Any]:
    return {
        "rank": rank,
        "hash": member.graph.hash,
        "values": dict(member.values),
        "changes": {
            name: relative_change(value, result.values[name])
            for name, value in member.values.items()
        },
        "latency": _latency_entry(member),
        "range": _range_entry(member.place),
        "iteration": member.iteration,
        "parent": member.parent,
        "nodes": member.graph.n_nodes,
        "delta_nodes": member.graph.n_nodes - result.graph.n_nodes,
        "steps": member.steps,
    }


def _latency_entry(member: Member) -> dict[str, Any] | None:
    """Return latencies in ms, the change in percent and whether it keeps the limits."""
    found = member.latency
    if found is None:
        return None
    return {
        "own": asdict(found.own),
        "input": asdict(found.reference),
        "change_percent": found.change,
        "confirmed": member.confirmed,
    }


def _range_entry(place: Place | None) -> dict[str, Any] | None:
    """Return the place in the predictor's range as JSON values."""
    return None if place is None else {**asdict(place), "inside": place.inside}
