"""What a search has seen, on disk after every iteration, so that a killed run goes on where it was.

A folder holds ``settings.json`` and per iteration ``visited-0003.parquet`` (one row per scored
network) and ``iteration-0003.json`` (statistics), the last written last; where networks are graphs,
also ``accepted-0003.parquet`` (a graph store). In memory stay numbers and hashes only; accepted
graphs are read back when they become parents.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from archloom.errors import FormatError, SearchError
from archloom.files import read_json, understanding, unwritable, write_text
from archloom.graph import Graph
from archloom.io.store import GraphStore, StoreWriter
from archloom.parquet import number_column, numbers, read_parquet, text_column, write_parquet

ARCHIVE_FORMAT = "archloom-search/2"
GRAPHS_PER_READ = 32
"""Row group of the accepted graphs: parents are read back one by one."""

Network = TypeVar("Network")


def visited_schema(figures: Sequence[str]) -> pa.Schema:
    """Return the columns of the table of visited networks: hash, one per figure, and what became of
    the network. A figure that was not needed, because another one refused the network, is null.
    """
    return pa.schema(
        [
            ("hash", pa.string()),
            *((name, pa.float64()) for name in figures),
            ("iteration", pa.int32()),
            ("accepted", pa.bool_()),
            ("parent", pa.string()),
            ("step", pa.string()),
        ],
        metadata={"format": "archloom-visited/2"},
    )


class SearchFolder(ABC, Generic[Network]):
    """Visited networks of one search in ``folder``.

    Opening a folder of another run's settings raises ``SearchError``, so does one that a running
    search holds; one of another version raises ``FormatError``.

    figures     names of what is recorded of every network
    values      (accepted networks, figures), what the search started from first
    iteration   one entry per accepted network
    hashes      of the accepted networks
    """

    def __init__(
        self, folder: str | Path, settings: Mapping[str, Any], figures: Sequence[str]
    ) -> None:
        self.folder, self.figures = Path(folder), tuple(figures)
        self._lock = FileLock(self.folder / ".lock")
        self._acquire()
        self.seen: set[str] = set()
        self.statistics: list[dict[str, Any]] = []
        self.values: NDArray[np.float64] = np.zeros((0, len(self.figures)))
        self.iteration: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self.hashes: list[str] = []
        self._lineage: dict[str, tuple[str, str, int]] = {}
        advice = "delete the folder to search from the start"
        try:
            with understanding(self.folder, "folder of a search", advice):
                self._take_up({"format": ARCHIVE_FORMAT, **settings})
        except BaseException:
            self.close()
            raise

    def _take_up(self, settings: dict[str, Any]) -> None:
        """Take the finished iterations of the folder into memory."""
        self._check_settings(settings)
        while (self.folder / f"iteration-{len(self.statistics):04d}.json").exists():
            self._load(len(self.statistics))

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of accepted networks, the first ones included."""
        return len(self.values)

    @property
    def base(self) -> dict[str, float]:
        """Figures of the input."""
        return dict(zip(self.figures, self.values[0].tolist(), strict=True))

    @property
    def n_iterations(self) -> int:
        """Number of finished iterations; what the search starts from counts as iteration 0."""
        return len(self.statistics)

    def add_iteration(
        self,
        rows: Mapping[str, Sequence[Any]],
        accepted: Sequence[Network],
        statistics: Mapping[str, Any],
    ) -> None:
        """Write one finished iteration: ``rows`` as in ``visited_schema`` (accepted ones in the
        order of ``accepted``).
        """
        number = self.n_iterations
        write_parquet(self._table(rows), self._path("visited", number))
        self._keep(number, accepted)
        write_text(
            self.folder / f"iteration-{number:04d}.json", json.dumps(statistics, indent=1) + "\n"
        )
        self._load(number)

    def parent(self, digest: str) -> str:
        """Return the hash of an accepted network's parent, "" of what the search started from."""
        return self._lineage[digest][0]

    @abstractmethod
    def networks(self, indices: Sequence[int]) -> list[Network]:
        """Return these accepted networks."""

    @abstractmethod
    def _keep(self, number: int, accepted: Sequence[Network]) -> None:
        """Write what the table of an iteration does not say of its accepted networks."""

    def lineage(self, digest: str) -> list[dict[str, Any]]:
        """Return the steps that led to the accepted network with hash ``digest``, oldest first."""
        steps: list[dict[str, Any]] = []
        while digest in self._lineage and self._lineage[digest][0]:
            parent, step, iteration = self._lineage[digest]
            source, _, replacement = step.partition(" -> ")
            steps.append(
                {"iteration": iteration, "source_ops": source, "replacement_ops": replacement}
            )
            digest = parent
        return steps[::-1]

    def visited(self) -> pa.Table:
        """Return all scored networks of all iterations (``visited_schema``)."""
        parts = [self._rows(number) for number in range(self.n_iterations)]
        return pa.concat_tables(parts) if parts else self._table({})

    def _path(self, what: str, number: int) -> Path:
        return self.folder / f"{what}-{number:04d}.parquet"

    def _load(self, number: int) -> None:
        """Take the files of iteration ``number`` into memory."""
        table = self._rows(number)
        hashes, parents, steps = (table[name].to_pylist() for name in ("hash", "parent", "step"))
        self.seen.update(hashes)
        kept = np.flatnonzero(numbers(table["accepted"]))
        columns = [numbers(table[name])[kept] for name in self.figures]
        self.values = np.concatenate([self.values, np.stack(columns, axis=1)])
        self.iteration = np.append(self.iteration, np.full(len(kept), number, dtype=np.int32))
        for row in kept.tolist():
            self.hashes.append(hashes[row])
            self._lineage[hashes[row]] = (parents[row], steps[row], number)
        self.statistics.append(read_json(self.folder / f"iteration-{number:04d}.json"))

    def _rows(self, number: int) -> pa.Table:
        """Return the visited networks of iteration ``number``."""
        path = self._path("visited", number)
        advice = f"delete the folder {self.folder} to search from the start"
        table = read_parquet(path, advice)
        if not table.schema.equals(visited_schema(self.figures)):
            raise FormatError(
                f"{path} has the columns {', '.join(table.column_names)}, it is no table of the "
                f"networks that this search visited: {advice}."
            )
        return table

    def _table(self, rows: Mapping[str, Sequence[Any]]) -> pa.Table:
        """Return rows of visited networks as a table."""
        schema = visited_schema(self.figures)
        columns = [_column(rows.get(field.name, ()), field.type) for field in schema]
        return pa.Table.from_arrays(columns, schema=schema)

    def _acquire(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise SearchError(
                f"another search is running in {self.folder}: wait for it to end, or use another "
                f"folder."
            ) from None
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _check_settings(self, settings: dict[str, Any]) -> None:
        """Remember the settings of a new folder; refuse to mix two runs."""
        path = self.folder / "settings.json"
        if not path.exists():
            write_text(path, json.dumps(settings, indent=1, sort_keys=True) + "\n")
            return
        found = read_json(path)
        version = found.get("format") if isinstance(found, dict) else None
        if version != ARCHIVE_FORMAT:
            raise FormatError(
                f"{self.folder} holds a search of the format {version!r}, this version continues "
                f"{ARCHIVE_FORMAT!r}: finish it with the archloom that began it, or delete the "
                "folder and run archloom optimise or search-units again."
            )
        if found != json.loads(json.dumps(settings)):
            changed = sorted(
                key for key in {*found, *settings} if found.get(key) != settings.get(key)
            )
            raise SearchError(
                f"{self.folder} holds a search with other settings ({', '.join(changed)} differ): "
                f"delete the folder to start anew, or give this run another one."
            )


class Archive(SearchFolder[Graph]):
    """A search for graphs; the accepted ones lie in graph stores."""

    def networks(self, indices: Sequence[int]) -> list[Graph]:
        """Return these accepted graphs; those that lie together are read together."""
        found: dict[int, Graph] = {}
        for iteration, group in groupby(sorted(indices), key=lambda index: self.iteration[index]):
            store = GraphStore(self._path("accepted", iteration))
            first = int(np.searchsorted(self.iteration, iteration))
            found |= {index: store[index - first] for index in group}
        return [found[index] for index in indices]

    def _keep(self, number: int, accepted: Sequence[Graph]) -> None:
        with StoreWriter(self._path("accepted", number), row_group=GRAPHS_PER_READ) as store:
            for graph in accepted:
                store.add(graph)


class ArchitectureArchive(SearchFolder[str]):
    """A search for architectures; an architecture is its own hash."""

    def networks(self, indices: Sequence[int]) -> list[str]:
        """Return these accepted architectures."""
        return [self.hashes[index] for index in indices]

    def _keep(self, number: int, accepted: Sequence[str]) -> None:
        """Write nothing: the table holds the architectures."""


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return texts, or numbers of which some may be None, as a column."""
    if kind == pa.string():
        return text_column(values)
    known = np.array([value is not None for value in values], dtype=np.bool_)
    return number_column(np.array(values, dtype=kind.to_pandas_dtype()), known)
