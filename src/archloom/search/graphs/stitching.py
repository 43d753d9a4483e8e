"""Stitching: put replacement segments into a parent in place of regions (AutoGO spec 5.6).

Additions, products and concatenations left with a single operand are bridged away. An ``Opening``
holds what stays of the parent, a ``Graft`` what comes in. ``stitch`` makes many children at once,
side by side; equal grafts of one opening would make equal children, so twins are known before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, member
from archloom.graph.graph import NODE_FIELDS
from archloom.search.graphs.regions import Region

MERGES = frozenset(OPS.code(name) for name in ("add", "mul", "concat"))
"""Operations that mean nothing with a single operand."""

_COPIED = tuple(field for field in NODE_FIELDS if field != "ids")
"""What a new node has from its segment."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """Which value enters which source of a replacement, and which sink gives which leaving value.

    inputs    (i,) index into ``Region.producers`` for each source, sources in ascending node order
    outputs   (o,) index of the sink (ascending node order) for each of ``Region.values``
    """

    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]


class Closure:
    """A replacement segment without single-operand merges; depends on its structure only.

    Endpoints are node numbers of ``kept``, or ``-1 - i`` for whatever enters source i.

    kept         (k,) nodes of the segment that stay
    edges        (e, 2) source endpoint and kept target, by target
    in_degree    (k,) number of edges into each of ``kept``
    exits        (o,) endpoint of each sink, sinks in ascending node order
    """

    def __init__(self, segment: Graph) -> None:
        operands: dict[int, list[int]] = {
            node: segment.predecessors(node).tolist() for node in range(segment.n_nodes)
        }
        for index, node in enumerate(segment.sources.tolist()):
            operands[node] = [-1 - index]
        stands_for: dict[int, int] = {}
        for node in segment.order.tolist():
            operands[node] = [stands_for.get(before, before) for before in operands[node]]
            if int(segment.op[node]) in MERGES and len(operands[node]) == 1:
                stands_for[node] = operands[node][0]
        kept = [node for node in range(segment.n_nodes) if node not in stands_for]
        number = {node: position for position, node in enumerate(kept)}
        edges = [
            (number.get(operand, operand), position)
            for position, node in enumerate(kept)
            for operand in operands[node]
        ]
        exits = [stands_for.get(node, node) for node in segment.sinks.tolist()]
        self.kept = np.array(kept, dtype=np.int64)
        self.edges = np.array(edges, dtype=np.int64).reshape(-1, 2)
        self.in_degree = np.bincount(self.edges[:, 1], minlength=len(kept))
        self.exits = np.array([number.get(node, node) for node in exits], dtype=np.int64)


class Opening:
    """A parent with one region cut out, ready to receive replacements.

    nodes      (s,) nodes of the parent that stay, ascending; they come first in a child
    in_degree  (s,) number of edges into each of them
    sources    (e,) sources of these edges by their number in a child, by target; those at the
               places ``crossing`` (c,) are the values ``values`` (c,) of ``Region.values``, which a
               graft gives
    touched    (s,) whether a node has other neighbours in a child than in the parent
    """

    def __init__(self, parent: Graph, region: Region) -> None:
        self.region = region
        stays = np.ones(parent.n_nodes, dtype=np.bool_)
        stays[region.nodes] = False
        self._number = np.cumsum(stays) - 1
        self.nodes = np.flatnonzero(stays)
        self.in_degree = parent.in_degree[self.nodes]
        inside = stays[parent.edge_dst]
        source, target = parent.in_src[inside], parent.edge_dst[inside]
        self.sources = self._number[source]
        self.crossing = np.flatnonzero(~stays[source])
        value = np.empty(parent.n_nodes, dtype=np.int64)
        value[region.values] = np.arange(len(region.values))
        self.values = value[source[self.crossing]]
        self.touched = np.zeros(len(self.nodes), dtype=np.bool_)
        self.touched[self._number[region.producers]] = True
        self.touched[self._number[target[self.crossing]]] = True

    def graft(self, segment: Graph, closure: Closure, wiring: Wiring) -> Graft:
        """Return ``segment`` (shapes fitted already) wired into the opening."""
        entering = self._number[self.region.producers[wiring.inputs]]
        arrays = {field: getattr(segment, field).take(closure.kept, axis=0) for field in _COPIED}
        n_outer = len(self.nodes)
        leaving = _resolve(closure.exits, entering, n_outer)[wiring.outputs]
        sources = self.sources.copy()
        sources[self.crossing] = leaving[self.values]
        inner = _resolve(closure.edges[:, 0], entering, n_outer)
        return Graft(self, segment, closure, arrays, np.concatenate([sources, inner]))


@dataclass(frozen=True, eq=False)
class Graft:
    """A replacement wired into an opening.

    arrays    what the k new nodes are: field of a graph -> (k, ...)
    sources   source of each edge of the child, by target
    """

    opening: Opening
    segment: Graph
    closure: Closure
    arrays: dict[str, NDArray[Any]]
    sources: NDArray[np.int64]

    @property
    def key(self) -> bytes:
        """What tells the child from others that the opening could have."""
        arrays = (*self.arrays.values(), self.closure.in_degree, self.sources)
        return b"".join([array.tobytes() for array in arrays])


@dataclass(frozen=True, eq=False)
class Children:
    """Children of one parent side by side, n nodes in all; they are not checked.

    bounds    (k + 1,) first node of each child in ``union``
    origin    (n,) node of the parent; new nodes have numbers from its number of nodes on
    touched   (n,) whether a node is new, or has other neighbours than in the parent
    """

    union: Graph
    bounds: NDArray[np.int64]
    origin: NDArray[np.int64]
    touched: NDArray[np.bool_]

    def __getitem__(self, index: int) -> Graph:
        """Return a child as a graph of its own."""
        start, stop = self.bounds[index : index + 2].tolist()
        return member(self.union, start, stop)


def stitch(parent: Graph, grafts: Sequence[Graft], first_id: int) -> Children:
    """Return the children that grafts, at least one, make of ``parent``; the new nodes of each get
    the ids ``first_id``, ``first_id + 1``, ...
    """
    n, sizes = parent.n_nodes, [len(graft.closure.kept) for graft in grafts]
    first_new = np.cumsum([n, *sizes]).tolist()
    numbers = [np.arange(start, stop) for start, stop in pairwise(first_new)]
    openings = [graft.opening for graft in grafts]
    origin = _alternating([one.nodes for one in openings], numbers)
    touched = _alternating([one.touched for one in openings], [np.ones(k, bool) for k in sizes])
    degrees = _alternating(
        [one.in_degree for one in openings], [graft.closure.in_degree for graft in grafts]
    )
    pool: dict[str, list[NDArray[Any]]] = {
        field: [getattr(parent, field), *(graft.arrays[field] for graft in grafts)]
        for field in _COPIED
    }
    pool["ids"] = [parent.ids, *(first_id + np.arange(k) for k in sizes)]
    arrays: dict[str, Any] = {
        field: np.concatenate(parts).take(origin, axis=0) for field, parts in pool.items()
    }
    bounds = np.cumsum([0, *(len(one.nodes) + k for one, k in zip(openings, sizes, strict=True))])
    edges = [len(graft.sources) for graft in grafts]
    sources = np.concatenate([graft.sources for graft in grafts]) + np.repeat(bounds[:-1], edges)
    arrays["in_src"] = sources.astype(np.int32)
    arrays["in_ptr"] = np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32)
    for array in arrays.values():
        array.setflags(write=False)
    facts = {name: getattr(parent, name) for name in ("family", "definitions", "ends", "shared")}
    union = Graph(**arrays, **facts)
    return Children(union, bounds, origin, touched)


def _alternating(first: Sequence[NDArray[Any]], second: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the arrays of both sequences in turn as one."""
    return np.concatenate(list(chain.from_iterable(zip(first, second, strict=True))))


def _resolve(
    endpoints: NDArray[np.int64], entering: NDArray[np.int64], n_outer: int
) -> NDArray[np.int64]:
    """Return child node numbers of the endpoints of a closure."""
    return np.where(endpoints < 0, entering[np.maximum(-1 - endpoints, 0)], endpoints + n_outer)
