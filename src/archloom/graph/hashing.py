"""Canonical content hash of a graph, stable under renumbering of its nodes.

A node's label mixes what the node computes. Three sweeps over the topological order turn labels into colours: one
collects everything above a node, one everything below it, and a third repeats the first over both results. On a
directed acyclic graph that equals Weisfeiler-Lehman refinement with as many rounds as the graph is deep, at the cost
of three rounds. Operands are collected as a multiset, so the hash does not see their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from archloom.graph.ops import OPS, Merge

if TYPE_CHECKING:
    from archloom.graph.graph import Graph

Level = Literal["instance", "topology"]

_MASK = (1 << 64) - 1
_FACTOR = 0x9E3779B97F4A7C15
_FACTOR_2 = 0xBF58476D1CE4E5B9


def node_labels(graph: Graph, level: Level = "instance") -> NDArray[np.uint64]:
    """Return ``(n,)`` uint64: a label of what each node computes, without its neighbours.

    ``instance`` covers op, kernel, stride, dilation, padding, bias and resolution; ``topology`` leaves the
    resolution and the bias out.
    """
    columns = [
        graph.op[:, None],
        graph.kernel,
        graph.stride,
        graph.dilation,
        graph.padding[:, None],
        graph.pads,
    ]
    if level == "instance":
        resolution = graph.resolution
        concat = OPS.table("merge")[graph.op] == Merge.CONCAT
        if concat.any():  # stored C_in of a concat is a matter of taste, its sum is not
            resolution = resolution.copy()
            resolution[concat, 4] = resolution[concat, 5]
        columns += [graph.bias[:, None], resolution]
    table = np.concatenate([column.astype(np.int64) for column in columns], axis=1).view(np.uint64)
    weights = np.array([pow(_FACTOR, i + 1, 1 << 64) for i in range(table.shape[1])], dtype=np.uint64)
    return _mix((table * weights).sum(axis=1, dtype=np.uint64))


def graph_hash(graph: Graph, level: Level = "instance") -> str:
    """Return 32 hex digits that isomorphic graphs share (at ``level``, see ``node_labels``).

    A cyclic graph raises ``GraphError``.
    """
    colours = np.sort(node_colours(graph, level))
    digest = blake2b(digest_size=16)
    digest.update(np.array([graph.n_nodes, graph.n_edges], dtype="<i8").tobytes())
    digest.update(colours.astype("<u8").tobytes())
    return digest.hexdigest()


def node_colours(graph: Graph, level: Level = "instance") -> NDArray[np.uint64]:
    """Return ``(n,)`` uint64: colours that tell nodes apart by all that lies above and below them."""
    labels = node_labels(graph, level)
    order = graph.order.tolist()
    above_lists = _rows(graph.in_ptr, graph.in_src)
    below_lists = _rows(graph.out_ptr, graph.out_dst)
    above = _sweep(labels, order, above_lists)
    below = _sweep(labels, reversed(order), below_lists)
    return _sweep(_mix(above * np.uint64(_FACTOR) + below), order, above_lists)


def _rows(pointer: NDArray[np.integer], values: NDArray[np.integer]) -> list[list[int]]:
    """Return the rows of a CSR structure as lists."""
    bounds, flat = pointer.tolist(), values.tolist()
    return [flat[start:stop] for start, stop in zip(bounds, bounds[1:], strict=False)]


def _sweep(
    labels: NDArray[np.uint64], order: Iterable[int], neighbours: Sequence[Sequence[int]]
) -> NDArray[np.uint64]:
    """Return colours: each node's label mixed with the multiset of colours of its ``neighbours``."""
    colours = labels.tolist()
    for node in order:
        value = colours[node]
        for other in neighbours[node]:
            value += colours[other] * _FACTOR_2
        value &= _MASK
        value = ((value ^ (value >> 31)) * _FACTOR) & _MASK
        colours[node] = value ^ (value >> 29)
    return np.array(colours, dtype=np.uint64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return values with their bits spread (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(_FACTOR_2)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
