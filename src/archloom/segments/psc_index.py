"""Index of P/S/C instances: which position ranges of which graphs a PSC predictor learns from.

An instance splits a graph's AutoGO node order into predecessors P = [0, start), segment
S = [start, end) and successors C = [end, n) (AutoGO spec 4.1), so that two integers say it all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from archloom.errors import DataError, FormatError
from archloom.files import reader, replacing
from archloom.graph import Graph, autogo_order, distinct
from archloom.parquet import list_column, lists, numbers
from archloom.segments.batch import BatchSegmentation, BatchTokeniser, batches
from archloom.segments.tables import (
    FORMAT_KEY,
    VOCABULARY_KEY,
    metadata,
    read_table,
)
from archloom.segments.tokeniser import Segmentation, Tokeniser
from archloom.views.instances import group_instances

logger = logging.getLogger(__name__)

FORMAT = "archloom-psc-index/1"
_GRAPHS_PER_ROW_GROUP = 1024

Positions = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class IndexedCut:
    """A graph's nodes in AutoGO order, cut into groups.

    order  : (n,) node index at each position
    starts : (n_groups + 1,) first position of each group, then n
    """

    order: Positions
    starts: Positions


@dataclass(frozen=True, eq=False)
class PscIndex:
    """Instances of many graphs.

    graphs     : (g,) graph hashes
    n_nodes    : (g,) number of nodes of each graph
    first      : (g + 1,) instances of graph k are ``first[k]`` to ``first[k + 1] - 1``
    start, end : (i,) position range of the segment in the graph's AutoGO node order
    vocabulary : digest of the vocabulary that cut the graphs
    """

    graphs: tuple[str, ...]
    n_nodes: Positions
    first: NDArray[np.int64]
    start: Positions
    end: Positions
    vocabulary: str

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def graph_of(self) -> Positions:
        """(i,) number of the graph that each instance belongs to."""
        return np.repeat(np.arange(len(self.graphs), dtype=np.int32), np.diff(self.first))

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Number of a graph by its hash."""
        return {graph: row for row, graph in enumerate(self.graphs)}

    def segment(self, graph: Graph) -> IndexedCut:
        """Return ``graph`` cut into groups that yield its instances; no vocabulary is needed.

        Raises ``DataError`` for a graph that the index does not hold.
        """
        if graph.hash not in self.row_of:
            raise DataError(
                f"graph {graph.name!r} is not in this P/S/C index: make the index again from the "
                "graph store that the graph comes from."
            )
        _, end = self.of(graph.hash)
        starts = np.concatenate([[0], end[:-1], [graph.n_nodes]]).astype(np.int32)
        return IndexedCut(autogo_order(graph), starts)

    def of(self, graph: str) -> tuple[Positions, Positions]:
        """Return start and end, (i,) each, of the instances of a graph by hash; ``KeyError`` for an
        unknown one.
        """
        row = self.row_of[graph]
        rows = slice(self.first[row], self.first[row + 1])
        return self.start[rows], self.end[rows]


def segment_with(indexes: Iterable[PscIndex]) -> Callable[[Graph], IndexedCut]:
    """Return a function that cuts a graph with the first of ``indexes`` that holds it.

    It raises ``DataError`` for a graph that none of them holds.
    """
    known = list(indexes)

    def segment(graph: Graph) -> IndexedCut:
        holders = (index for index in known if graph.hash in index.row_of)
        return next(holders, known[-1]).segment(graph)

    return segment


def psc_ranges(segmentation: Segmentation) -> tuple[Positions, Positions, Positions]:
    """Return group number, start and end of the instances of one segmented graph, (i,) each.

    See ``archloom.views.instances.group_instances``: groups may yield no instance.
    """
    start, end = group_instances(segmentation.starts).astype(np.int32).T
    group = np.searchsorted(segmentation.starts, start, side="right") - 1
    return group.astype(np.int32), start, end


def write_psc_index(graphs: Iterable[Graph], tokeniser: Tokeniser, path: str | Path) -> int:
    """Write the instances of all ``graphs`` under the full vocabulary; return how many.

    One Parquet row per graph, streamed and written atomically. Of graphs with equal hashes the
    first counts.
    """
    total = 0
    schema = _schema(tokeniser.vocabulary.digest)
    cutter = BatchTokeniser(tokeniser)
    with replacing(path) as temporary, _writer(temporary, schema) as file:
        for batch in batches(distinct(graphs), _GRAPHS_PER_ROW_GROUP):
            table = _table(cutter.segment(batch), schema)
            file.write_table(table)
            total += len(table.column("start").combine_chunks().values)
    logger.info("psc index %s instances %d", path, total)
    return total


def merge_psc_indexes(parts: Sequence[str | Path], graphs: Sequence[str], path: str | Path) -> int:
    """Write the indexes in ``parts`` as one, in the order of ``graphs`` (hashes); return the number
    of instances.

    The file is the same, byte for byte, as ``write_psc_index`` makes it of all graphs at once.
    Raises ``DataError`` when the parts are of several vocabularies or lack a graph.
    """
    tables = [read_table(Path(part), FORMAT) for part in parts]
    if len({metadata(table, VOCABULARY_KEY) for table in tables}) != 1:
        raise DataError(
            "the parts of a P/S/C index come from several vocabularies: make them again."
        )
    whole = pa.concat_tables(tables)
    rows = {graph: row for row, graph in enumerate(whole.column("graph").to_pylist())}
    wanted = list(dict.fromkeys(graphs))
    missing = [graph for graph in wanted if graph not in rows]
    if missing:
        raise DataError(
            f"{len(missing)} graphs are in no part of the P/S/C index: make the parts again."
        )
    schema = _schema(metadata(whole, VOCABULARY_KEY))
    ordered = whole.take([rows[graph] for graph in wanted]).cast(schema)
    with replacing(path) as temporary, _writer(temporary, schema) as file:
        for start in range(0, len(wanted), _GRAPHS_PER_ROW_GROUP):
            file.write_table(ordered.slice(start, _GRAPHS_PER_ROW_GROUP).combine_chunks())
    return len(lists(ordered["start"])[0])


@reader("P/S/C index")
def read_psc_index(path: str | Path) -> PscIndex:
    """Return the index in ``path``; raises ``DataError`` or ``FormatError``."""
    table = read_table(Path(path), FORMAT, _schema(""))
    start, first = lists(table["start"])
    end, end_first = lists(table["end"])
    n_nodes = numbers(table["n_nodes"])
    index = PscIndex(
        graphs=tuple(table.column("graph").to_pylist()),
        n_nodes=n_nodes,
        first=first,
        start=start,
        end=end,
        vocabulary=metadata(table, VOCABULARY_KEY),
    )
    if (
        not np.array_equal(first, end_first)
        or ((start < 1) | (end <= start) | (end >= n_nodes[index.graph_of])).any()
    ):
        raise FormatError(
            f"{path} holds ranges that are no segments of their graphs: make it again."
        )
    return index


def _schema(vocabulary: str) -> pa.Schema:
    return pa.schema(
        [
            ("graph", pa.string()),
            ("n_nodes", pa.int32()),
            ("start", pa.list_(pa.int32())),
            ("end", pa.list_(pa.int32())),
        ],
        metadata={FORMAT_KEY: FORMAT, VOCABULARY_KEY: vocabulary},
    )


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def _table(cuts: BatchSegmentation, schema: pa.Schema) -> pa.Table:
    """Return the instances of a batch as an Arrow table, one row per graph."""
    batch = cuts.batch
    instances = [
        group_instances(starts - starts[0])
        for starts in (
            cuts.starts[first : stop + 1] for first, stop in pairwise(cuts.first_group.tolist())
        )
    ]
    start, end = np.concatenate(instances).astype(np.int32).T
    bounds = np.concatenate([[0], np.cumsum([len(rows) for rows in instances])])
    columns = [
        pa.array([graph.hash for graph in batch.graphs], pa.string()),
        pa.array(np.diff(batch.bounds), pa.int32()),
        list_column(start, bounds),
        list_column(end, bounds),
    ]
    return pa.table(columns, schema=schema)
