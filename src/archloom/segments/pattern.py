"""Segments as byte patterns: cheap exact keys, and the way back to a graph.

A pattern is a node-induced subgraph in a given node order, without names, ids or other graph
attributes (AutoGO spec 8.1, B6). Its *topology* is the operations with their windows and the edges;
its *states* are what varies between instances of one topology: resolutions and biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, Merge, assemble
from archloom.segments.tokeniser import Segmentation

NODE = np.dtype(
    [
        ("op", "<i2"),
        ("kernel", "<i2", (2,)),
        ("stride", "<i2", (2,)),
        ("dilation", "<i2", (2,)),
        ("padding", "i1"),
        ("pads", "<i2", (4,)),
    ]
)
"""What a topology knows of a node."""

STATE = np.dtype([("bias", "?"), ("resolution", "<i4", (6,))])
"""What an instance adds to a node."""

EDGE = np.dtype(("<i4", (2,)))
"""Source and target position of an edge."""


class Pattern(NamedTuple):
    """A segment as bytes; equal bytes mean equal segments in equal node order.

    nodes  : n records of ``NODE``
    edges  : m records of ``EDGE``, by target, then source; operand order is not kept
    states : n records of ``STATE``
    """

    nodes: bytes
    edges: bytes
    states: bytes

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.nodes) // NODE.itemsize

    def edge_array(self) -> NDArray[np.int32]:
        """Return the edges as ``(m, 2)`` positions."""
        return np.frombuffer(self.edges, dtype="<i4").reshape(-1, 2)

    def reordered(self, order: Sequence[int]) -> Pattern:
        """Return the same segment with node ``order[i]`` at position i."""
        index = np.asarray(order)
        position = np.empty(len(index), dtype="<i4")
        position[index] = np.arange(len(index))
        return Pattern(
            np.frombuffer(self.nodes, dtype=NODE)[index].tobytes(),
            sorted_edges(position[self.edge_array()]).tobytes(),
            np.frombuffer(self.states, dtype=STATE)[index].tobytes(),
        )

    def predecessors(self) -> list[list[int]]:
        """Return the predecessors of each node, ascending."""
        result: list[list[int]] = [[] for _ in range(self.n_nodes)]
        for source, target in self.edge_array().tolist():
            result[target].append(source)
        return result

    def graph(self) -> Graph:
        """Return the segment as a graph with ids 0..n-1 and no name."""
        nodes = np.frombuffer(self.nodes, dtype=NODE)
        states = np.frombuffer(self.states, dtype=STATE)
        edges = self.edge_array()
        columns = {name: nodes[name].copy() for name in NODE.names or ()}
        columns |= {name: states[name].copy() for name in STATE.names or ()}
        columns["ids"] = np.arange(len(nodes), dtype=np.int64)
        return assemble(columns, edges[:, 0], edges[:, 1])


def sorted_edges(edges: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return ``(m, 2)`` edges sorted by target, then source."""
    return edges[np.lexsort((edges[:, 0], edges[:, 1]))]


def cut(graph: Graph, segmentation: Segmentation) -> list[Pattern]:
    """Return the node-induced subgraph of every group, nodes in AutoGO order.

    C_in of a concat is set to its C_out: the reference stores the sum or the first operand there.
    """
    order, starts = segmentation.order, segmentation.starts
    nodes = _records(graph, NODE, order)
    states = _records(graph, STATE, order)
    concat = OPS.table("merge")[nodes["op"]] == Merge.CONCAT
    states["resolution"][concat, 4] = states["resolution"][concat, 5]
    edges, edge_starts = _inner_edges(graph, order, starts)
    parts = (_slices(nodes, starts), _slices(edges, edge_starts), _slices(states, starts))
    return list(map(Pattern, *parts))


def _slices(records: NDArray[Any], starts: NDArray[np.integer]) -> list[bytes]:
    """Return the bytes of the rows of ``records`` from each start to the next."""
    data = records.tobytes()
    width = len(data) // len(records) if len(records) else 0
    return [data[start:stop] for start, stop in pairwise((starts * width).tolist())]


def _records(graph: Graph, dtype: np.dtype[np.void], order: NDArray[np.int32]) -> NDArray[np.void]:
    """Return the fields of ``dtype`` as one record per position."""
    table = np.empty(graph.n_nodes, dtype=dtype)
    for name in dtype.names or ():
        table[name] = getattr(graph, name)[order]
    return table


def _inner_edges(
    graph: Graph, order: NDArray[np.int32], starts: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return edges inside groups, positions relative to their group, and their start per group."""
    n = graph.n_nodes
    position = np.empty(n, dtype="<i4")
    position[order] = np.arange(n)
    group = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    pairs = np.stack([position[graph.in_src], position[graph.edge_dst]], axis=1)
    inside = sorted_edges(pairs[group[pairs[:, 0]] == group[pairs[:, 1]]])
    of_group = group[inside[:, 1]]
    edge_starts = np.searchsorted(of_group, np.arange(len(starts)))
    return (inside - starts[of_group, None]).astype("<i4"), edge_starts
