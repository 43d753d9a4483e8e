"""Outcomes of mutated parents as files, so that one job may finish what others mutated.

A folder holds ``outcomes.json`` (per parent what was made, refused and how shapes were propagated),
``candidates.parquet`` (one row per child) and ``networks.parquet`` (a graph store of those that no
limit refused). Numbers and graphs come back as they were.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from archloom.errors import FormatError
from archloom.files import read_json, reader, write_text
from archloom.graph import Graph
from archloom.io.store import GraphStore, write_store
from archloom.parquet import read_parquet, write_parquet
from archloom.search.graphs.mutation import Brood
from archloom.search.graphs.workers import Outcome
from archloom.search.loop import Candidate
from archloom.search.shapes.propagation import PropagationStats

FORMAT = "archloom-outcomes/1"


def write_outcomes(outcomes: Sequence[Outcome], folder: str | Path) -> None:
    """Write the outcomes of some parents, in order, to ``folder``."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    candidates = [one for outcome in outcomes for one in outcome.candidates]
    names = sorted({name for one in candidates for name in one.values})
    columns = {
        "hash": pa.array([one.hash for one in candidates], pa.string()),
        "parent": pa.array([one.parent for one in candidates], pa.string()),
        "step": pa.array([one.step for one in candidates], pa.string()),
        "refusal": pa.array([one.refusal for one in candidates], pa.string()),
    }
    figures = {name: pa.array([one.values[name] for one in candidates]) for name in names}
    table = pa.table(columns | {f"figure.{name}": one for name, one in figures.items()})
    write_parquet(table, home / "candidates.parquet")
    write_store((one.network for one in candidates if one.network is not None), _networks(home))
    document = {"format": FORMAT, "outcomes": [_entry(outcome) for outcome in outcomes]}
    write_text(home / "outcomes.json", json.dumps(document, indent=1) + "\n")


@reader("outcomes of a search", "run the search again", "folder")
def read_outcomes(folder: str | Path) -> list[Outcome]:
    """Return what ``write_outcomes`` wrote; raises ``FormatError`` for damaged files."""
    home = Path(folder)
    document: Any = read_json(home / "outcomes.json")
    try:
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']}")
        table = read_parquet(home / "candidates.parquet")
        candidates = _candidates(table.to_pylist(), iter(GraphStore(_networks(home))))
        return [_outcome(entry, candidates) for entry in document["outcomes"]]
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise FormatError(
            f"{home} holds no complete outcomes of mutated parents ({error}): delete it and run "
            "again."
        ) from error


def interleaved(parts: Sequence[Sequence[Outcome]]) -> Iterator[Outcome]:
    """Yield the outcomes of all parents in order, given those of every share; share k of n has
    parent k, k + n, k + 2n, ...
    """
    for index in range(sum(map(len, parts))):
        yield parts[index % len(parts)][index // len(parts)]


def _networks(home: Path) -> Path:
    return home / "networks.parquet"


def _entry(outcome: Outcome) -> dict[str, Any]:
    return {
        "candidates": len(outcome.candidates),
        "rejected": dict(outcome.rejected),
        "seconds": dict(outcome.brood.seconds),
        "propagation": outcome.propagation.to_dict(),
    }


def _candidates(
    rows: Sequence[dict[str, Any]], networks: Iterator[Graph]
) -> Iterator[Candidate[Graph]]:
    for row in rows:
        values = {
            name.removeprefix("figure."): value
            for name, value in row.items()
            if name.startswith("figure.")
        }
        network = None if row["refusal"] else next(networks)
        yield Candidate(row["hash"], values, row["parent"], row["step"], network, row["refusal"])


def _outcome(entry: dict[str, Any], candidates: Iterator[Candidate[Graph]]) -> Outcome:
    own = [next(candidates) for _ in range(entry["candidates"])]
    brood = Brood(
        hashes=[one.hash for one in own],
        rejected=Counter(entry["rejected"]),
        seconds=Counter(entry["seconds"]),
    )
    return Outcome(brood, own, PropagationStats.from_dict(entry["propagation"]))
