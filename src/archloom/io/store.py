"""The Parquet graph store ``archloom-store/2``: one row per graph, written and read by row group.

A row holds hash, family and name, one flat list per array of ``Graph`` (row-major where the array
has columns), and the definitions of its fixed nodes as JSON texts. Version 1, which had neither
groups nor definitions, is read as well. Hashes may repeat: two rows may be the same architecture
under different names, so that a table of labels can refer to either; ``find`` returns the first.
Page checksums let a reader notice damaged bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from archloom.errors import ArchloomError, DataError, FormatError
from archloom.files import reading, replacing, unwritable
from archloom.graph import OPS, Definition, Graph, graph_hashes
from archloom.graph.graph import ARRAY_FIELDS
from archloom.parquet import list_column, number_column, text_column

FORMAT = "archloom-store/2"
_FORMAT_1 = "archloom-store/1"
ROW_GROUP = 512
"""Graphs per row group: what is held in memory while a store is written or read."""

_TEXT_COLUMNS = ("hash", "family", "name")
_STORED_TYPES: dict[str, type] = {
    field: np.uint8 if dtype is np.bool_ else dtype for field, (dtype, _) in ARRAY_FIELDS.items()
}
_LIST_TYPES = {
    field: pa.list_(pa.field("element", pa.from_numpy_dtype(dtype), nullable=False))
    for field, dtype in _STORED_TYPES.items()
}
_DEFINITIONS = "definitions"
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in _TEXT_COLUMNS),
        *(pa.field(field, kind, nullable=False) for field, kind in _LIST_TYPES.items()),
        pa.field(
            _DEFINITIONS,
            pa.list_(pa.field("element", pa.string(), nullable=False)),
            nullable=False,
        ),
    ],
    metadata={"format": FORMAT},
)
_NEW_COLUMNS = ("groups", "definition", _DEFINITIONS)
"""What version 1 did not have."""
_SCHEMAS = {
    FORMAT: _SCHEMA,
    _FORMAT_1: pa.schema([field for field in _SCHEMA if field.name not in _NEW_COLUMNS]),
}


class StoreWriter:
    """Writes a store graph by graph, in constant memory; use it in a ``with`` block.

    The file appears under ``path`` when the block ends without an error, and replaces what was
    there; otherwise nothing changes. An unwritable folder or a full disk raises ``DataError``.
    """

    def __init__(self, path: str | Path, *, row_group: int = ROW_GROUP) -> None:
        self.path = Path(path)
        self._row_group = row_group
        self._waiting: list[Graph] = []
        self._stack = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(replacing(self.path))
        try:
            with self._writing():
                self._writer = pq.ParquetWriter(
                    temporary,
                    _SCHEMA,
                    compression="zstd",
                    write_statistics=False,
                    write_page_checksum=True,
                )
        except BaseException:
            self._abandon()
            raise
        return self

    def add(self, graph: Graph) -> None:
        """Append one graph."""
        self._waiting.append(graph)
        if len(self._waiting) == self._row_group:
            self._flush()

    def add_all(self, graphs: Iterable[Graph]) -> None:
        """Append graphs, taken one by one."""
        for graph in graphs:
            self.add(graph)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            try:
                self._flush()
                with self._writing():
                    self._writer.close()
            except BaseException:
                self._abandon()
                raise
            self._stack.close()
        else:
            self._abandon()

    def _flush(self) -> None:
        if self._waiting:
            batch = _to_batch(self._waiting)
            self._waiting = []
            with self._writing():
                self._writer.write_batch(batch, row_group_size=self._row_group)

    def _abandon(self) -> None:
        """Close and remove the temporary file; the error under way stays the one that is raised."""
        with suppress(OSError):
            if self._writer is not None:
                self._writer.close()
        abandoned = _AbandonedError()
        self._stack.__exit__(type(abandoned), abandoned, None)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.path, error) from error


class _AbandonedError(Exception):
    """Tells ``replacing`` that its block did not end well."""


class GraphStore:
    """Reads a store; opening it reads the metadata only.

    Iteration streams one row group at a time; ``store[i]`` reads the row group of row ``i`` and
    remembers it. The graphs are independent copies and know their hash already. Raises
    ``FormatError`` when the file is truncated, damaged, foreign or of another version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with reading(path):
            self.path.open("rb").close()
        with self._reading():
            self._file = pq.ParquetFile(self.path, page_checksum_verification=True)
        self._check_schema()
        metadata = self._file.metadata
        rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])
        self._current: tuple[int, _RowGroup] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __iter__(self) -> Iterator[Graph]:
        for group in range(len(self._starts) - 1):
            yield from self._read_group(group)

    def __getitem__(self, row: int) -> Graph:
        if not -len(self) <= row < len(self):
            raise IndexError(f"{self.path} has {len(self)} graphs, there is no row {row}.")
        row %= len(self)
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if self._current is None or self._current[0] != group:
            self._current = group, self._read_group(group)
        return self._current[1].graph(row - int(self._starts[group]))

    def __repr__(self) -> str:
        return f"<GraphStore {str(self.path)!r}: {len(self)} graphs>"

    def names(self) -> list[str]:
        """Return the names of all graphs in row order, reading that column only."""
        return self._texts("name")

    def hashes(self) -> list[str]:
        """Return the hashes of all graphs in row order, reading that column only."""
        return self._texts("hash")

    def families(self) -> list[str]:
        """Return the families of all graphs in row order, reading that column only."""
        return self._texts("family")

    def find(self, graph_hash: str) -> Graph:
        """Return the first graph with this hash; raises ``DataError`` when there is none."""
        hashes = self.hashes()
        if graph_hash not in hashes:
            raise DataError(
                f"{self.path} holds no graph with the hash {graph_hash!r}: check that labels and "
                "graphs belong together."
            )
        return self[hashes.index(graph_hash)]

    def _texts(self, name: str) -> list[str]:
        with self._reading():
            texts: list[str] = self._file.read(columns=[name]).column(0).to_pylist()
            return texts

    def _read_group(self, group: int) -> _RowGroup:
        with self._reading():
            table = self._file.read_row_group(group)
            return _RowGroup(table)

    def _check_schema(self) -> None:
        found = (
            (self._file.schema_arrow.metadata or {}).get(b"format", b"").decode(errors="replace")
        )
        if found not in _SCHEMAS:
            what = f"of the format {found!r}" if found else "a Parquet file of something else"
            raise FormatError(
                f"{self.path} is {what}, this version reads {' and '.join(_SCHEMAS)}: give "
                "a graph store, or the archloom that wrote it."
            )
        if not self._file.schema_arrow.equals(_SCHEMAS[found]):
            raise FormatError(
                f"{self.path} calls itself {found!r} but has other columns: it was altered, write "
                "it again."
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except ArchloomError:
            raise
        except (
            *(pa.ArrowException, OSError, ValueError, TypeError, LookupError, AttributeError),
            *(ArithmeticError, RecursionError, MemoryError),
        ) as error:
            raise FormatError(
                f"{self.path} cannot be read as a graph store ({error}): it is truncated, damaged "
                "or of another kind, get or write it again."
            ) from error


class _InconsistentError(ValueError):
    """The columns of a row group do not fit together."""


class _RowGroup:
    """The graphs of one row group as flat arrays with row offsets."""

    def __init__(self, table: Any) -> None:
        table = _with_new_columns(table)
        self._texts = [table.column(name).to_pylist() for name in _TEXT_COLUMNS]
        self._definitions = table.column(_DEFINITIONS).to_pylist()
        self._arrays = {field: _flat(table.column(field)) for field in ARRAY_FIELDS}
        _check_lengths({field: np.diff(offsets) for field, (offsets, _) in self._arrays.items()})
        _check_codes(self._arrays["op"][1], self._arrays["padding"][1])
        _check_edges(self._arrays["in_ptr"], self._arrays["in_src"], np.diff(self._arrays["op"][0]))
        _check_definitions(self._arrays["definition"], self._definitions)
        self._bounds = {field: offsets.tolist() for field, (offsets, _) in self._arrays.items()}

    def __iter__(self) -> Iterator[Graph]:
        return (self.graph(row) for row in range(len(self._texts[0])))

    def graph(self, row: int) -> Graph:
        """Return the graph at ``row`` of the group."""
        arrays: dict[str, NDArray[Any]] = {}
        for field, (dtype, columns) in ARRAY_FIELDS.items():
            bounds = self._bounds[field]
            stored = self._arrays[field][1][bounds[row] : bounds[row + 1]]
            flat: NDArray[Any] = stored.astype(dtype)
            arrays[field] = flat.reshape(-1, columns) if columns else flat
            arrays[field].setflags(write=False)
        graph_hash, family, name = (texts[row] for texts in self._texts)
        definitions = tuple(Definition.from_json(json.loads(t)) for t in self._definitions[row])
        graph = Graph(
            **arrays, name=name, family=family, definitions=definitions, ends=(), shared=()
        )
        graph.remember_hash(graph_hash)
        return graph


def write_store(graphs: Iterable[Graph], path: str | Path) -> None:
    """Write ``graphs`` to a store at ``path``, streamed and atomically."""
    with StoreWriter(path) as writer:
        writer.add_all(graphs)


def _to_batch(graphs: list[Graph]) -> Any:
    """Return ``graphs`` as an Arrow record batch of the store's schema."""
    columns = [
        text_column(graph_hashes(graphs)),
        text_column([graph.family for graph in graphs]),
        text_column([graph.name for graph in graphs]),
    ]
    for field, dtype in _STORED_TYPES.items():
        rows = [getattr(graph, field).reshape(-1) for graph in graphs]
        bounds = np.cumsum([0, *map(len, rows)])
        values: NDArray[Any] = np.concatenate(rows).astype(dtype, copy=False)
        columns.append(list_column(values, bounds, _LIST_TYPES[field]))
    texts = [json.dumps(one.to_json()) for graph in graphs for one in graph.definitions]
    starts = number_column(
        np.cumsum([0, *(len(one.definitions) for one in graphs)], dtype=np.int32)
    )
    kind = _SCHEMA.field(_DEFINITIONS).type
    columns.append(pa.ListArray.from_arrays(starts, text_column(texts), type=kind))
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _with_new_columns(table: Any) -> Any:
    """Return ``table`` with the columns that version 1 did not have, empty of meaning."""
    if _DEFINITIONS in table.column_names:
        return table
    op: Any = table.column("op").combine_chunks()
    for field, value in (("groups", 1), ("definition", -1)):
        filled = pa.array(np.full(len(op.values), value, dtype=np.int32))
        column = pa.ListArray.from_arrays(op.offsets, filled, type=_LIST_TYPES[field])
        table = table.append_column(field, column)
    none: list[list[str]] = [[] for _ in range(len(op))]
    return table.append_column(_DEFINITIONS, pa.array(none, type=pa.list_(pa.string())))


def _flat(column: Any) -> tuple[NDArray[np.integer], NDArray[Any]]:
    """Return row offsets (k + 1,) and the flat values of a list column."""
    array = column.combine_chunks()
    if array.null_count or array.values.null_count:
        raise _InconsistentError("a value is missing")
    offsets: NDArray[Any] = np.from_dlpack(array.offsets)
    values: NDArray[Any] = np.from_dlpack(array.values)
    return offsets, values


def _check_lengths(lengths: Mapping[str, NDArray[np.integer]]) -> None:
    n = lengths["op"]
    for field, (_, columns) in ARRAY_FIELDS.items():
        wanted = {"in_ptr": n + 1, "in_src": lengths["in_src"]}.get(field, n * max(columns, 1))
        if not np.array_equal(lengths[field], wanted):
            raise _InconsistentError(f"the column {field} does not have one entry per node")


def _check_codes(op: NDArray[np.integer], padding: NDArray[np.integer]) -> None:
    if len(op) and not (op.min() >= 0 and op.max() < len(OPS)):
        raise _InconsistentError(f"op codes reach {op.max()}, known are 0 to {len(OPS) - 1}")
    if len(padding) and not (padding.min() >= 0 and padding.max() <= 3):
        raise _InconsistentError(f"padding codes reach {padding.max()}, known are 0 to 3")


def _check_definitions(
    column: tuple[NDArray[np.integer], NDArray[np.integer]], definitions: list[list[str]]
) -> None:
    starts, values = column
    known = np.repeat([len(row) for row in definitions], np.diff(starts))
    if (values < -1).any() or (values >= known).any():
        raise _InconsistentError("a node names a definition that is not there")


def _check_edges(
    pointer: tuple[NDArray[np.integer], NDArray[np.integer]],
    source: tuple[NDArray[np.integer], NDArray[np.integer]],
    n: NDArray[np.integer],
) -> None:
    """Raise unless every row's pointers ascend from 0 to its number of edges and its edges name
    nodes of the row.
    """
    (starts, values), (edge_starts, sources) = pointer, source
    steps = np.diff(values)
    steps[starts[1:-1] - 1] = 0  # between two rows the pointer falls back to 0
    counts = np.diff(edge_starts)
    if (
        (values[starts[:-1]] != 0).any()
        or (values[starts[1:] - 1] != counts).any()
        or (steps < 0).any()
    ):
        raise _InconsistentError("in_ptr does not partition the edges")
    if (sources < 0).any() or (sources >= np.repeat(n, counts)).any():
        raise _InconsistentError("an edge names a node that is not there")
