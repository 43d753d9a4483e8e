"""Canonical content hash of a graph, stable under renumbering of its nodes.

A node's label mixes what the node computes. Three sweeps over the topological order turn labels
into colours: one collects everything above a node, one everything below it, and a third repeats
the first over both results. On a directed acyclic graph that equals Weisfeiler-Lehman refinement
with as many rounds as the graph is deep, at the cost of three rounds. Operands are collected as a
multiset, so the hash does not see their order; only those of a node with a definition are marked
with their position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from archloom.graph.graph import Graph

Level = Literal["instance", "topology"]

_FEW_NODES = 1024
"""Up to here a graph is swept node by node; above, level by level."""

_MASK = (1 << 64) - 1
_FACTOR = 0x9E3779B97F4A7C15
_FACTOR_2 = 0xBF58476D1CE4E5B9
_FACTOR_GROUPS = 0xD6E8FEB86659FD93


def node_labels(graph: Graph, level: Level = "instance") -> NDArray[np.uint64]:
    """Return ``(n,)`` uint64: a label of what each node computes, without its neighbours.

    ``instance`` covers op, kernel, stride, dilation, padding, groups, definition, bias and
    resolution; ``topology`` leaves the resolution and the bias out.
    """
    columns: list[NDArray[np.integer | np.bool_]] = [
        graph.op[:, None],
        graph.kernel,
        graph.stride,
        graph.dilation,
        graph.padding[:, None],
        graph.pads,
    ]
    if level == "instance":
        resolution = graph.resolution
        concat = graph.is_concat
        if concat.any():  # stored C_in of a concat is a matter of taste, its sum is not
            resolution = resolution.copy()
            resolution[concat, 4] = resolution[concat, 5]
        columns += [graph.bias[:, None], resolution]
    label, weight = np.zeros(graph.n_nodes, dtype=np.uint64), 1
    for column in columns:
        for values in column.T:
            weight = weight * _FACTOR % (1 << 64)
            label += values.astype(np.uint64) * np.uint64(weight)
    label += (graph.groups - 1).astype(np.uint64) * np.uint64(_FACTOR_GROUPS)
    if graph.definitions:
        digests = np.array([one.digest for one in graph.definitions], dtype=np.uint64)
        fixed = graph.is_fixed
        label[fixed] += digests[graph.definition[fixed]]
    return mix(label)


def graph_hash(graph: Graph, level: Level = "instance") -> str:
    """Return 32 hex digits that isomorphic graphs share (at ``level``, see ``node_labels``).

    A cyclic graph raises ``GraphError``.
    """
    return _digest(graph.n_edges, node_colours(graph, level))


def graph_hashes(graphs: Sequence[Graph], level: Level = "instance") -> list[str]:
    """Return ``graph_hash`` of every graph, computed on their disjoint union: far faster than one
    by one. Known instance hashes are not computed again.
    """
    from archloom.graph.union import disjoint_union

    if level == "topology":
        return union_hashes(*disjoint_union(graphs), level) if graphs else []
    unknown = [graph for graph in graphs if not graph.hash_is_known]
    if unknown:
        for graph, digest in zip(unknown, union_hashes(*disjoint_union(unknown)), strict=True):
            graph.remember_hash(digest)
    return [graph.hash for graph in graphs]


def distinct(graphs: Iterable[Graph]) -> Iterator[Graph]:
    """Yield the graphs whose hash has not come before."""
    seen: set[str] = set()
    for graph in graphs:
        if graph.hash not in seen:
            seen.add(graph.hash)
            yield graph


def union_hashes(union: Graph, bounds: NDArray[np.int64], level: Level = "instance") -> list[str]:
    """Return ``graph_hash`` of every member of a disjoint union; ``bounds`` is (k + 1,), the first
    node of each.
    """
    colours = node_colours(union, level)
    return [
        _digest(int(union.in_ptr[stop] - union.in_ptr[start]), colours[start:stop])
        for start, stop in zip(bounds.tolist(), bounds[1:].tolist(), strict=False)
    ]


def node_colours(graph: Graph, level: Level = "instance") -> NDArray[np.uint64]:
    """Return ``(n,)`` uint64: colours that tell nodes apart by all that lies above and below
    them.
    """
    labels = node_labels(graph, level)
    marks_in, marks_out = _position_marks(graph)
    if graph.n_nodes <= _FEW_NODES:
        order = graph.order.tolist()
        above = _walk(labels, order, graph.in_ptr, graph.in_src, marks_in)
        below = _walk(labels, order[::-1], graph.out_ptr, graph.out_dst, marks_out)
        both = mix(above * np.uint64(_FACTOR) + below)
        return _walk(both, order, graph.in_ptr, graph.in_src, marks_in)
    depths = graph.levels
    down = _Sweep(depths, graph.in_ptr, graph.in_src, marks_in)
    up = _Sweep(depths[::-1], graph.out_ptr, graph.out_dst, marks_out)
    return down(mix(down(labels) * np.uint64(_FACTOR) + up(labels)))


Marks = NDArray[np.uint64] | None


def _position_marks(graph: Graph) -> tuple[Marks, Marks]:
    """Return ``(m,)`` odd factors that tell the operands of fixed nodes apart by position, for the
    edges in the order of ``in_src`` and of ``out_dst``; None where no operand has a position.
    """
    if not graph.definitions or not graph.is_fixed.any():
        return None, None
    position = np.arange(graph.n_edges) - graph.in_ptr[graph.edge_dst]
    ordered = np.where(graph.is_fixed[graph.edge_dst], position, 0).astype(np.uint64)
    marks = ordered * np.uint64(2 * _FACTOR_GROUPS % (1 << 64)) + np.uint64(1)
    return marks, marks[np.argsort(graph.in_src, kind="stable")]


def _digest(n_edges: int, colours: NDArray[np.uint64]) -> str:
    digest = blake2b(digest_size=16)
    digest.update(np.array([len(colours), n_edges], dtype="<i8").tobytes())
    digest.update(np.sort(colours).astype("<u8").tobytes())
    return digest.hexdigest()


def _walk(
    labels: NDArray[np.uint64],
    order: Sequence[int],
    pointer: NDArray[np.integer],
    values: NDArray[np.integer],
    marks: Marks,
) -> NDArray[np.uint64]:
    """Return what a ``_Sweep`` returns, node by node: faster for one network, which is deep and
    narrow.
    """
    colours = labels.tolist()
    bounds, neighbours = pointer.tolist(), values.tolist()
    factors = [_FACTOR_2] * len(neighbours)
    if marks is not None:
        factors = (marks * np.uint64(_FACTOR_2)).tolist()
    for node in order:
        value = colours[node]
        for edge in range(bounds[node], bounds[node + 1]):
            value += colours[neighbours[edge]] * factors[edge]
        value &= _MASK
        value = ((value ^ (value >> 31)) * _FACTOR) & _MASK
        colours[node] = value ^ (value >> 29)
    return np.array(colours, dtype=np.uint64)


class _Sweep:
    """Mixes each node's label with the multiset of its neighbours' colours, level by level; the
    neighbours are the CSR rows (pointer, values).

    The nodes are put in the order of the visit, within a level those with neighbours first, so that
    a level is a slice.
    """

    def __init__(
        self,
        levels: Sequence[NDArray[np.int64]],
        pointer: NDArray[np.integer],
        values: NDArray[np.integer],
        marks: Marks,
    ) -> None:
        nodes = np.concatenate(levels)
        level = np.repeat(np.arange(len(levels)), [len(some) for some in levels])
        lonely = pointer[nodes + 1] == pointer[nodes]
        turn = np.argsort(2 * level + lonely, kind="stable")
        self._nodes = nodes[turn]
        start, count = pointer[self._nodes], np.diff(pointer)[self._nodes]
        ends = np.concatenate([[0], np.cumsum(count)])
        flat = np.repeat(start - ends[:-1], count) + np.arange(len(values))
        place = np.empty(len(nodes), dtype=np.int64)
        place[self._nodes] = np.arange(len(nodes))
        self._neighbours, self._first = place[values[flat]], ends
        self._marks = None if marks is None else marks[flat]
        stops = np.cumsum([len(some) for some in levels])
        fed = stops - np.bincount(level[lonely], minlength=len(levels))
        self._levels = list(zip([0, *stops.tolist()], fed.tolist(), stops.tolist(), strict=False))

    def __call__(self, labels: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return the colours (n,) of nodes with these labels (n,)."""
        colours = labels[self._nodes]
        for start, fed, stop in self._levels:
            if fed > start:
                colours[start:fed] += self._reached(colours, start, fed) * np.uint64(_FACTOR_2)
            value = colours[start:stop]
            value ^= value >> np.uint64(31)
            value *= np.uint64(_FACTOR)
            value ^= value >> np.uint64(29)
        result = np.empty_like(colours)
        result[self._nodes] = colours
        return result

    def _reached(self, colours: NDArray[np.uint64], start: int, stop: int) -> NDArray[np.uint64]:
        """Return (stop - start,) sums of the colours of these nodes' neighbours."""
        first = self._first[start : stop + 1]
        edges = slice(int(first[0]), int(first[-1]))
        reached = colours[self._neighbours[edges]]
        if self._marks is not None:
            reached *= self._marks[edges]
        if len(reached) == stop - start:
            return reached
        summed: NDArray[np.uint64] = np.add.reduceat(reached, first[:-1] - first[0])
        return summed


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return ``values`` (n,) with their bits spread (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(_FACTOR_2)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
