"""What a search left behind, as typed records: front, visited graphs, statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import DataError, FormatError
from archloom.io.files import read_json

STATS_FORMAT = "archloom-search-stats/1"
FRONT_FORMAT = "archloom-front/1"


@dataclass(frozen=True)
class Baseline:
    """The input graph: predicted score, FLOPs, hash, nodes."""

    score: float
    flops: int
    hash: str
    nodes: int


@dataclass(frozen=True)
class Winner:
    """One front member; ``steps`` are the replacements that led to it, oldest first."""

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


@dataclass(frozen=True, eq=False)
class Visited:
    """All scored graphs, (N,) each: predicted score, FLOPs, iteration, whether it was accepted."""

    score: NDArray[np.float64]
    flops: NDArray[np.float64]
    iteration: NDArray[np.int64]
    accepted: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Propagation:
    """Shape propagation: calls, calls answered from memory, outcomes by status, time in seconds."""

    calls: int
    hits: int
    outcomes: Mapping[str, int]
    seconds: float

    @property
    def success_rate(self) -> float:
        """Share of calls that found shapes; 0 without calls."""
        return self.outcomes.get("optimal", 0) / self.calls if self.calls else 0.0

    @property
    def ms_per_solve(self) -> float:
        """Mean time of a call that was not answered from memory, in ms; 0 without any."""
        solved = self.calls - self.hits
        return 1e3 * self.seconds / solved if solved else 0.0


@dataclass(frozen=True, eq=False)
class SearchRecord:
    """A finished search."""

    baseline: Baseline
    winners: tuple[Winner, ...]
    visited: Visited
    iterations: tuple[Mapping[str, Any], ...]
    rejected: Mapping[str, int]
    propagation: Propagation
    settings: Mapping[str, Any]
    seconds: float
    seed: int


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
        part = document["propagation"]
        return SearchRecord(
            baseline=Baseline(**front["baseline"]),
            winners=tuple(_winner(entry) for entry in front["members"]),
            visited=_read_visited(visited),
            iterations=tuple(document["iterations"]),
            rejected=document["rejected"],
            propagation=Propagation(
                part["calls"], part["hits"], part["outcomes"], float(part["seconds"])
            ),
            settings=document["settings"],
            seconds=float(document["seconds"]),
            seed=int(document["seed"]),
        )
    except (KeyError, TypeError) as error:
        raise FormatError(
            f"{stats} lacks an entry of a search's statistics ({error}): run the search again."
        ) from error


def _winner(entry: Mapping[str, Any]) -> Winner:
    values = {field: entry[field] for field in Winner.__dataclass_fields__ if field != "steps"}
    return Winner(**values, steps=tuple(entry.get("steps", ())))


def _read_visited(path: str | Path) -> Visited:
    """Read the columns of the table of visited graphs that a report needs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["score", "flops", "iteration", "accepted"]
    try:
        table = pq.read_table(path, columns=columns)
        values = [table[column].to_numpy() for column in columns]
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: run the search first.") from error
    except (pa.ArrowException, KeyError) as error:
        raise FormatError(
            f"{path} is no table of visited graphs ({error}): run the search again."
        ) from error
    score, flops, iteration, accepted = values
    return Visited(score, flops.astype(np.float64), iteration.astype(np.int64), accepted)


def _foreign(path: str | Path, found: object, wanted: str) -> FormatError:
    return FormatError(
        f"{path} is of the format {found!r}, this version reads {wanted!r}: run the search again, "
        "or use the archloom that wrote it."
    )
