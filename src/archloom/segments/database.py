"""The segment database: replacement candidates by their interface (AutoGO spec 3 and 5.4)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from archloom.errors import DataError
from archloom.graph import OPS, Graph
from archloom.segments.batch import BatchTokeniser, batches
from archloom.segments.collector import SegmentCollector
from archloom.segments.dedup import Topology, fold
from archloom.segments.interface import Shapes, as_shapes
from archloom.segments.pattern import NODE, STATE
from archloom.segments.tokeniser import Tokeniser

logger = logging.getLogger(__name__)

Indices = NDArray[np.int32]
UNITS = ("segment", "op")

K = TypeVar("K")


@dataclass(frozen=True, eq=False, repr=False)
class SegmentDatabase:
    """Topologies and their instances, found by interface.

    Topologies are numbered 0..t-1 in database order, instances 0..r-1 by topology, then states.
    Attributes with one entry per topology or instance say so with (t,) or (r,).
    Build one with ``build_database`` or ``merge_databases``, read one with ``read_database``.

    vocabulary : digest of the vocabulary whose symbols the tokens are made of
    """

    topologies: tuple[Topology, ...]
    vocabulary: str

    def __repr__(self) -> str:
        return (
            f"<SegmentDatabase: {self.n_topologies:,} topologies, {self.n_instances:,} instances>"
        )

    @property
    def n_topologies(self) -> int:
        """Number of topologies t."""
        return len(self.topologies)

    @property
    def n_instances(self) -> int:
        """Number of instances r."""
        return len(self.instances)

    @cached_property
    def digest(self) -> str:
        """16 hex digits over everything that the database holds."""
        digest = sha256(self.vocabulary.encode())
        for entry in self.topologies:
            facts = (entry.unit, entry.hash, entry.example, sorted(entry.tokens))
            counts = (sorted(entry.frequency.items()), sorted(entry.instances.items()))
            digest.update(repr((facts, entry.nodes, entry.edges, counts)).encode())
        return digest.hexdigest()[:16]

    @cached_property
    def instances(self) -> tuple[bytes, ...]:
        """(r,) node states of each instance, see ``Pattern.states``."""
        return tuple(states for entry in self.topologies for states in sorted(entry.instances))

    @cached_property
    def first_instance(self) -> Indices:
        """(t + 1,) the instances of topology k are ``first_instance[k]`` to the next one."""
        sizes = [len(entry.instances) for entry in self.topologies]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int32)

    @cached_property
    def topology_of(self) -> Indices:
        """(r,) topology of each instance."""
        return np.repeat(np.arange(self.n_topologies, dtype=np.int32), np.diff(self.first_instance))

    @cached_property
    def count(self) -> NDArray[np.int64]:
        """(r,) number of occurrences of each instance."""
        counts = [
            count for entry in self.topologies for _, count in sorted(entry.instances.items())
        ]
        return np.array(counts, dtype=np.int64)

    @cached_property
    def frequency(self) -> NDArray[np.int64]:
        """(t,) number of occurrences of each topology over all families."""
        return np.array([entry.frequency.total() for entry in self.topologies], dtype=np.int64)

    @cached_property
    def n_nodes(self) -> NDArray[np.int64]:
        """(t,) number of nodes."""
        return np.array([entry.n_nodes for entry in self.topologies], dtype=np.int64)

    @cached_property
    def n_edges(self) -> NDArray[np.int64]:
        """(t,) number of edges."""
        return np.array([entry.n_edges for entry in self.topologies], dtype=np.int64)

    @cached_property
    def representative(self) -> Indices:
        """(t,) the most frequent instance of each topology, the first of equals."""
        bounds = self.first_instance.tolist()
        best = [
            start + int(self.count[start:stop].argmax())
            for start, stop in zip(bounds, bounds[1:], strict=False)
        ]
        return np.array(best, dtype=np.int32)

    @cached_property
    def end_counts(self) -> NDArray[np.int64]:
        """(t, 2) number of nodes without predecessors and of nodes without successors."""
        return np.array([[len(a), len(b)] for a, b in self._ends], dtype=np.int64).reshape(-1, 2)

    # --- lookups -------------------------------------------------------------------------------

    def exact(
        self,
        sources: Shapes,
        sinks: Shapes,
        *,
        unit: str = "segment",
        permitted: NDArray[np.bool_] | None = None,
    ) -> Indices:
        """Return the instances whose interface is exactly ``sources`` -> ``sinks``, ascending.

        sources, sinks : shapes (H, W, C) in any order, see ``archloom.segments.interface``
        permitted      : by op code, which operations may occur (``permitted_ops``); default all
        """
        key = (unit, tuple(sorted(sources)), tuple(sorted(sinks)))
        found = self._by_interface.get(key, _NOTHING)
        if permitted is None:
            return found
        return found[self._allowed(permitted)[self.topology_of[found]]]

    def by_count(
        self,
        n_sources: int,
        n_sinks: int,
        *,
        unit: str = "segment",
        permitted: NDArray[np.bool_] | None = None,
    ) -> Indices:
        """Return (k,) topologies with that many sources and sinks, ascending.

        permitted : (n_ops,) op codes that may occur in them; default: any
        """
        found = self._by_count.get((unit, n_sources, n_sinks), _NOTHING)
        return found if permitted is None else found[self._allowed(permitted)[found]]

    def graph(self, instance: int) -> Graph:
        """Return ``instance`` as a graph, in canonical node order, without name or family."""
        graph = self._graphs.get(instance)
        if graph is None:
            topology = self.topologies[int(self.topology_of[instance])]
            graph = topology.pattern(self.instances[instance]).graph()
            self._graphs[instance] = graph
        return graph

    @cached_property
    def _graphs(self) -> dict[int, Graph]:
        """Graphs handed out so far."""
        return {}

    @cached_property
    def _ends(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """(t,) nodes without predecessors and nodes without successors."""
        return [_ends(entry) for entry in self.topologies]

    @cached_property
    def _by_count(self) -> dict[tuple[str, int, int], Indices]:
        """Topologies by unit, number of sources and number of sinks."""
        counts = self.end_counts.tolist()
        return _grouped(
            (entry.unit, n_sources, n_sinks)
            for entry, (n_sources, n_sinks) in zip(self.topologies, counts, strict=True)
        )

    @cached_property
    def _by_interface(self) -> dict[tuple[str, Shapes, Shapes], Indices]:
        """Instances by unit and interface."""
        return _grouped(map(self._interface, range(self.n_instances)))

    def _interface(self, instance: int) -> tuple[str, Shapes, Shapes]:
        topology = int(self.topology_of[instance])
        sources, sinks = self._ends[topology]
        resolution = np.frombuffer(self.instances[instance], dtype=STATE)["resolution"]
        return (
            self.topologies[topology].unit,
            as_shapes(resolution[sources][:, [0, 2, 4]]),
            as_shapes(resolution[sinks][:, [1, 3, 5]]),
        )

    @cached_property
    def _has_op(self) -> NDArray[np.bool_]:
        """(t, len(OPS)) which operations occur in a topology."""
        table = np.zeros((self.n_topologies, len(OPS)), dtype=np.bool_)
        for row, entry in zip(table, self.topologies, strict=True):
            row[np.frombuffer(entry.nodes, dtype=NODE)["op"]] = True
        return table

    def _allowed(self, permitted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(t,) whether a topology holds permitted operations only; remembered per op set."""
        key = permitted.tobytes()
        if key not in self._allowed_by_ops:
            self._allowed_by_ops[key] = np.logical_not((self._has_op & ~permitted).any(axis=1))
        return self._allowed_by_ops[key]

    @cached_property
    def _allowed_by_ops(self) -> dict[bytes, NDArray[np.bool_]]:
        """Results of ``_allowed``."""
        return {}


def build_database(
    graphs: Iterable[Graph], tokeniser: Tokeniser, units: Sequence[str] = UNITS
) -> SegmentDatabase:
    """Return the database of all segments of ``graphs`` under the full vocabulary.

    graphs : streamed once; frequencies are counted per ``graph.family``
    units  : "segment" for the pieces of the vocabulary, "op" for single nodes

    Segments with a node that the search must not move are left out, see ``SegmentCollector``.
    Raises ``DataError`` when there are no graphs.
    """
    collector, cutter, n_graphs = SegmentCollector(), BatchTokeniser(tokeniser), 0
    for batch in batches(graphs):
        n_graphs += len(batch.graphs)
        cuts = cutter.segment(batch)
        if "segment" in units:
            collector.add(cuts, "segment")
        if "op" in units:
            collector.add(cuts.by_node(), "op")
    if not n_graphs:
        raise DataError("no graphs to take segments from: check that the graph store is not empty.")
    database = SegmentDatabase(tuple(collector.topologies()), tokeniser.vocabulary.digest)
    logger.info(
        "segment database graphs %d topologies %d instances %d skipped %s",
        n_graphs,
        database.n_topologies,
        database.n_instances,
        dict(collector.skipped),
    )
    return database


def merge_databases(databases: Sequence[SegmentDatabase]) -> SegmentDatabase:
    """Return one database of several; the order and the division into shards do not matter.

    Raises ``DataError`` without databases or when they were made with different vocabularies.
    """
    vocabularies = sorted({database.vocabulary for database in databases})
    if len(vocabularies) != 1:
        raise DataError(
            f"segment databases of {len(vocabularies)} vocabularies "
            f"({', '.join(vocabularies)}) cannot be merged, one is wanted: build every shard with "
            "the same vocabulary."
        )
    topologies = fold(entry for database in databases for entry in database.topologies)
    return SegmentDatabase(tuple(topologies), vocabularies[0])


_NOTHING: Indices = np.empty(0, dtype=np.int32)


def _ends(entry: Topology) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the nodes of a topology without predecessors and those without successors."""
    edges = entry.pattern(b"").edge_array()
    nodes = np.arange(entry.n_nodes)
    return np.setdiff1d(nodes, edges[:, 1]), np.setdiff1d(nodes, edges[:, 0])


def _grouped(keys: Iterable[K]) -> dict[K, Indices]:
    """Return the positions of every key, ascending."""
    groups: dict[K, list[int]] = {}
    for position, key in enumerate(keys):
        groups.setdefault(key, []).append(position)
    return {key: np.array(positions, dtype=np.int32) for key, positions in groups.items()}
