"""What a search leaves behind: front, visited graphs and statistics, written as files by whoever
searched and read as typed records by whoever reports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.files import read_json, reader, write_text
from archloom.io.store import write_store
from archloom.parquet import numbers, read_parquet, write_parquet
from archloom.predict.range import Place
from archloom.search.constraints import relative_change
from archloom.search.figures import Figure
from archloom.search.graphs.result import Member, SearchResult
from archloom.search.shapes.propagation import PropagationStats

FRONT_FORMAT = "archloom-front/2"
STATS_FORMAT = "archloom-search-stats/2"


@dataclass(frozen=True)
class Baseline:
    """The input graph: predicted score, FLOPs, hash, nodes.

    values   every figure by name
    range    where it lies in the predictor's range: distance, limit, inside, why (what differs most
             from the nearest training graph); None where that is not known
    """

    score: float
    flops: int
    hash: str
    nodes: int
    values: Mapping[str, float] = field(default_factory=dict)
    range: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Winner:
    """One front member; ``steps`` are the replacements that led to it, oldest first.

    values    every figure by name;  changes: from the input's, in percent
    latency   measured at the end beside the input's, None where latency is no figure: ``own`` and
              ``input`` (median, lower and upper quartile in ms), ``change_percent``, and
              ``confirmed``: whether the limits on latency hold for it
    range     as of the input
    """

    rank: int
    hash: str
    score: float
    flops: int
    iteration: int
    nodes: int
    delta_score: float
    delta_flops_percent: float
    delta_nodes: int
    steps: tuple[Mapping[str, Any], ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[str, float] = field(default_factory=dict)
    latency: Mapping[str, Any] | None = None
    range: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Visited:
    """All scored graphs, (N,) each: predicted score, FLOPs, iteration, whether it was accepted.

    values   every figure by name; NaN where it was not needed to refuse a graph
    """

    score: NDArray[np.float64]
    flops: NDArray[np.float64]
    iteration: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, eq=False)
class SearchRecord:
    """A finished search.

    figures                  all that was recorded of every graph
    objectives, constraints  names of the figures that were optimised, and the limits as text
    stopped                  what ended it: iterations, visited, or time (then another run of the
                             same seed may end elsewhere)
    """

    baseline: Baseline
    winners: tuple[Winner, ...]
    visited: Visited
    iterations: tuple[Mapping[str, Any], ...]
    rejected: Mapping[str, int]
    propagation: PropagationStats
    settings: Mapping[str, Any]
    seconds: float
    seed: int
    figures: tuple[Figure, ...] = ()
    objectives: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    stopped: str = "iterations"


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


@reader("record of a search", "run the search again", "stats")
def read_search(stats: str | Path, visited: str | Path) -> SearchRecord:
    """Read the statistics (with the front's figures) and the visited graphs of a search.

    Raises ``FormatError`` for a file of another kind or version, ``DataError`` for a missing one.
    """
    document = read_json(stats)
    front = document.get("front")
    if document.get("format") != STATS_FORMAT or not isinstance(front, dict):
        raise _foreign(stats, document.get("format"), STATS_FORMAT)
    if front.get("format") != FRONT_FORMAT:
        raise _foreign(stats, front.get("format"), FRONT_FORMAT)
    try:
        return SearchRecord(
            baseline=_baseline(front["baseline"]),
            winners=tuple(_winner(entry, front["baseline"]) for entry in front["members"]),
            visited=_read_visited(visited, [one["name"] for one in front["figures"]]),
            iterations=tuple(document["iterations"]),
            rejected=document["rejected"],
            propagation=PropagationStats.from_dict(document["propagation"]),
            settings=document["settings"],
            seconds=float(document["seconds"]),
            seed=int(document["seed"]),
            figures=tuple(Figure.of_entry(one) for one in front["figures"]),
            objectives=tuple(front["objectives"]),
            constraints=tuple(front["constraints"]),
            stopped=document["stopped"],
        )
    except (KeyError, TypeError) as error:
        raise FormatError(
            f"{stats} lacks an entry of a search's statistics ({error}): run the search again."
        ) from error


def _baseline(entry: Mapping[str, Any]) -> Baseline:
    values = entry["values"]
    figures = (values["score"], int(values["flops"]), entry["hash"], entry["nodes"], values)
    return Baseline(*figures, entry["range"])


def _winner(entry: Mapping[str, Any], baseline: Mapping[str, Any]) -> Winner:
    values, changes = entry["values"], entry["changes"]
    return Winner(
        **{key: entry[key] for key in ("rank", "hash", "iteration", "nodes", "delta_nodes")},
        score=values["score"],
        flops=int(values["flops"]),
        delta_score=values["score"] - baseline["values"]["score"],
        delta_flops_percent=changes["flops"],
        steps=tuple(entry.get("steps", ())),
        values=values,
        changes=changes,
        latency=entry["latency"],
        range=entry["range"],
    )


def _read_visited(path: str | Path, figures: Sequence[str]) -> Visited:
    """Read the columns of the table of visited graphs that a report needs."""
    table = read_parquet(path, "run the search again", [*figures, "iteration", "accepted"])
    values = {name: numbers(table[name]).astype(np.float64) for name in figures}
    return Visited(
        values["score"],
        values["flops"],
        numbers(table["iteration"]).astype(np.int64),
        numbers(table["accepted"]),
        values,
    )


def _foreign(path: str | Path, found: object, wanted: str) -> FormatError:
    return FormatError(
        f"{path} is of the format {found!r}, this version reads {wanted!r}: run the search again, "
        "or use the archloom that wrote it."
    )
