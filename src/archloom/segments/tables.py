"""Parquet files of the segment database: one table per level (AutoGO spec 3.4).

``segments_topology.parquet`` and ``segments_instances.parquet`` lie in one folder. Both carry
format name and version, the digest of the vocabulary and a digest of the whole database, so that a
pair from different runs is noticed.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from archloom.errors import DataError, FormatError
from archloom.files import reader
from archloom.graph import OPS
from archloom.parquet import list_column, lists, read_parquet, write_parquet
from archloom.segments.database import SegmentDatabase
from archloom.segments.dedup import Topology
from archloom.segments.pattern import EDGE, NODE, STATE

TOPOLOGY_FILE, INSTANCE_FILE = "segments_topology.parquet", "segments_instances.parquet"
TOPOLOGY_FORMAT, INSTANCE_FORMAT = "archloom-segment-topology/1", "archloom-segment-instance/1"

FORMAT_KEY, VOCABULARY_KEY = b"format", b"vocabulary"
"""Keys in the schema metadata of every table of segments."""

_DATABASE_KEY = b"database"
_FREQUENCY = pa.map_(pa.string(), pa.int64())
_TOKENS = pa.list_(pa.list_(pa.int32()))


def write_database(database: SegmentDatabase, folder: str | Path) -> None:
    """Write both tables into ``folder``, each atomically."""
    digest = database.digest
    for name, fmt, table in (
        (INSTANCE_FILE, INSTANCE_FORMAT, _instance_table(database)),
        (TOPOLOGY_FILE, TOPOLOGY_FORMAT, _topology_table(database)),
    ):
        facts = {VOCABULARY_KEY: database.vocabulary, _DATABASE_KEY: digest}
        write_table(Path(folder) / name, table, fmt, facts)


@reader("segment database", argument="folder")
def read_database(folder: str | Path) -> SegmentDatabase:
    """Return the database in ``folder``.

    Raises ``DataError`` when a table is missing and ``FormatError`` when one is damaged, of another
    format or from another database than its partner.
    """
    paths = Path(folder) / TOPOLOGY_FILE, Path(folder) / INSTANCE_FILE
    topologies = read_table(paths[0], TOPOLOGY_FORMAT)
    instances = read_table(paths[1], INSTANCE_FORMAT)
    entries = _entries(topologies, instances)
    database = SegmentDatabase(tuple(entries), metadata(topologies, VOCABULARY_KEY))
    digest = database.digest
    if any(metadata(table, _DATABASE_KEY) != digest for table in (topologies, instances)):
        raise _damaged(paths[0].parent, "the two tables do not belong together or were changed")
    return database


def write_table(path: Path, table: pa.Table, fmt: str, facts: dict[bytes, str]) -> None:
    """Write ``table`` atomically with its format name and ``facts`` in the schema's metadata."""
    write_parquet(table.replace_schema_metadata({FORMAT_KEY: fmt, **facts}), path)


def read_table(path: Path, fmt: str, schema: pa.Schema | None = None) -> pa.Table:
    """Return the Parquet table in ``path``, see ``read_parquet`` for ``schema``; raises
    ``DataError`` or ``FormatError``.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: run the rule that makes it, or check the path.")
    table = read_parquet(path, "make it again", schema=schema)
    if metadata(table, FORMAT_KEY) != fmt:
        raise FormatError(
            f"{path} has the format {metadata(table, FORMAT_KEY)!r}, this version of archloom "
            f"reads {fmt!r}: make the file again, or use the archloom version that wrote it."
        )
    return table


def _topology_table(database: SegmentDatabase) -> pa.Table:
    """Return one row per topology."""
    entries = database.topologies
    nodes, node_bounds = _joined([entry.nodes for entry in entries], NODE)
    edges, edge_bounds = _joined([entry.edges for entry in entries], EDGE)
    counts = database.end_counts
    columns: dict[str, Any] = {
        "topology": pa.array(range(len(entries)), pa.int32()),
        "hash": pa.array([entry.hash for entry in entries], pa.string()),
        "unit": pa.array([entry.unit for entry in entries], pa.string()),
        "n_nodes": pa.array(database.n_nodes, pa.int32()),
        "n_edges": pa.array(database.n_edges, pa.int32()),
        "n_sources": pa.array(counts[:, 0], pa.int32()),
        "n_sinks": pa.array(counts[:, 1], pa.int32()),
        **_record_columns(nodes, node_bounds),
        "edges": list_column(edges.reshape(-1), 2 * edge_bounds),
        "tokens": pa.array([sorted(entry.tokens) for entry in entries], _TOKENS),
        "frequency": pa.array([sorted(entry.frequency.items()) for entry in entries], _FREQUENCY),
        "example": pa.array([entry.example for entry in entries], pa.string()),
    }
    return pa.table(columns)


def _instance_table(database: SegmentDatabase) -> pa.Table:
    """Return one row per instance."""
    states, bounds = _joined(list(database.instances), STATE)
    columns: dict[str, Any] = {
        "topology": pa.array(database.topology_of, pa.int32()),
        **_record_columns(states, bounds),
        "count": pa.array(database.count, pa.int64()),
    }
    return pa.table(columns)


def _record_columns(records: NDArray[Any], bounds: NDArray[np.int64]) -> dict[str, pa.ListArray]:
    """Return one list column per field of ``records``; fields with k values have k per node."""
    columns = {}
    for name in records.dtype.names or ():
        values = records[name]
        width = values.size // len(values) if len(values) else 1
        columns[name] = list_column(values.reshape(-1), bounds * width)
    return columns


def _joined(parts: list[bytes], dtype: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the records of all ``parts`` and the start of each part."""
    item = np.dtype(dtype).itemsize
    sizes = np.array([len(part) // item for part in parts], dtype=np.int64)
    records = np.frombuffer(b"".join(parts), dtype=dtype)
    return records, np.concatenate([[0], np.cumsum(sizes)])


def _entries(topologies: pa.Table, instances: pa.Table) -> list[Topology]:
    """Return the topologies of both tables."""
    nodes = _record_bytes(topologies, NODE)
    flat, bounds = lists(topologies["edges"])
    edges = [
        flat[start:stop].astype("<i4").tobytes()
        for start, stop in zip(bounds, bounds[1:], strict=False)
    ]
    columns = [
        topologies.column(name).to_pylist()
        for name in ("unit", "hash", "example", "frequency", "tokens")
    ]
    entries = []
    for row, (unit, digest, example, frequency, tokens) in enumerate(zip(*columns, strict=True)):
        _check_topology(nodes[row], edges[row])
        entries.append(
            Topology(
                unit=unit,
                nodes=nodes[row],
                edges=edges[row],
                frequency=Counter(dict(frequency)),
                tokens={tuple(token) for token in tokens},
                example=example,
                hash=digest,
            )
        )
    rows = zip(
        instances.column("topology").to_pylist(),
        _record_bytes(instances, STATE),
        instances.column("count").to_pylist(),
        strict=True,
    )
    for topology, states, count in rows:
        entry = entries[topology]
        if len(states) // STATE.itemsize != entry.n_nodes:
            raise ValueError(f"an instance of topology {topology} has another number of nodes")
        entry.instances[states] = count
    return entries


def _check_topology(nodes: bytes, edges: bytes) -> None:
    """Raise ``ValueError`` unless op codes are known and edges run forward between nodes."""
    codes = np.frombuffer(nodes, dtype=NODE)["op"]
    pairs = np.frombuffer(edges, dtype="<i4").reshape(-1, 2)
    if not len(codes) or codes.min() < 0 or codes.max() >= len(OPS):
        raise ValueError("a topology is empty or has an unknown operation")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(codes)):
        raise ValueError("an edge names a node that does not exist")
    if (pairs[:, 0] >= pairs[:, 1]).any():
        raise ValueError("an edge leads backwards")


def _record_bytes(table: pa.Table, dtype: np.dtype[np.void]) -> list[bytes]:
    """Return the node records of every row, put together from the columns named in ``dtype``."""
    names = dtype.names or ()
    flat = {name: lists(table[name]) for name in names}
    bounds = flat[names[0]][1]
    records = np.empty(int(bounds[-1]), dtype=dtype)
    for name, (values, starts) in flat.items():
        shape = records[name].shape
        if not np.array_equal(starts, bounds * int(np.prod(shape[1:]))):
            raise ValueError(f"column {name} has another number of values than {names[0]}")
        records[name] = values.reshape(shape)
    data, item = records.tobytes(), dtype.itemsize
    return [
        data[start * item : stop * item] for start, stop in zip(bounds, bounds[1:], strict=False)
    ]


def metadata(table: pa.Table, key: bytes) -> str:
    """Return a metadata value of the schema, or an empty string."""
    return str((table.schema.metadata or {}).get(key, b"").decode(errors="replace"))


def _damaged(path: Path, reason: str) -> FormatError:
    """Return the error for tables that cannot be used."""
    return FormatError(f"{path} is no usable segment table ({reason}): make it again.")
