"""Parts of graphs as one disjoint union, in NumPy (AutoGO spec 4.1).

Nodes are put into a fixed order per graph, so a part (predecessor, segment, successor, or the
whole) is a range of positions. ``cut`` builds the union of any number of such parts at once: edges
from
outside a part are dropped, then merges with a single parent left are bridged.

Letters: G graphs, N their nodes, M their edges, Q parts, U nodes of the union.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph
from archloom.views.features import OP, node_features

IntArray = NDArray[np.int64]
FeaturesOf = Callable[..., NDArray[np.int32]]
"""Returns the feature rows (N, F) of graphs, by node index, one graph after the other."""

_BRIDGED = np.array([OPS.code(name) for name in ("add", "concat", "mul")])


@dataclass(frozen=True, eq=False)
class FlatGraphs:
    """Graphs laid out one after the other, nodes by position.

    node_ptr : (G + 1,) first node of each graph
    features : (N, F) feature rows
    in_ptr   : (N + 1,), in_src (M,): predecessors as positions in this layout
    """

    node_ptr: IntArray
    features: NDArray[np.int32]
    in_ptr: IntArray
    in_src: IntArray

    @property
    def edge_dst(self) -> IntArray:
        """(M,) target of each edge."""
        return np.repeat(np.arange(len(self.features)), np.diff(self.in_ptr))

    @property
    def is_merge(self) -> NDArray[np.bool_]:
        """(N,) add, concat and mul: the nodes that are bridged when one parent is left."""
        return np.isin(self.features[:, OP], _BRIDGED)


@dataclass(frozen=True, eq=False)
class Union:
    """Disjoint union of parts.

    part_ptr : (Q + 1,) first node of each part
    origin   : (U,) node of the flat layout that each node stands for
    in_ptr   : (U + 1,), in_src: predecessors as nodes of the union
    """

    part_ptr: IntArray
    origin: IntArray
    in_ptr: IntArray
    in_src: IntArray

    @property
    def sizes(self) -> IntArray:
        """(Q,) number of nodes kept in each part."""
        return np.diff(self.part_ptr)


def ranges(starts: NDArray[np.integer], lengths: NDArray[np.integer]) -> IntArray:
    """Return start, start + 1, ... of every range, one after the other; both are (Q,)."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)


def pointers(lengths: NDArray[np.integer]) -> IntArray:
    """Return (Q + 1,) start of every range when ranges of these lengths (Q,) follow each other."""
    ptr = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=ptr[1:])
    return ptr


def flatten(
    graphs: Sequence[Graph],
    orders: Sequence[NDArray[np.integer]] | None = None,
    features_of: FeaturesOf = node_features,
) -> FlatGraphs:
    """Lay ``graphs`` out, each in its order (n,) (default: by node index), with the feature rows
    (N, F) of AutoGO's or another view.
    """
    node_ptr = pointers(np.array([len(graph.op) for graph in graphs], dtype=np.int64))
    offset = node_ptr[:-1]
    features = features_of(*graphs)
    degree = np.diff(np.concatenate([graph.in_ptr for graph in graphs]))
    degree = np.delete(degree, node_ptr[1:-1] + np.arange(len(graphs) - 1))  # between two graphs
    sources = np.concatenate([graph.in_src for graph in graphs])
    in_src = sources + np.repeat(offset, [len(graph.in_src) for graph in graphs])
    in_ptr = pointers(degree)
    if orders is None:
        return FlatGraphs(node_ptr, features, in_ptr, in_src)
    node_at = np.concatenate(orders) + np.repeat(offset, np.diff(node_ptr))
    position = np.empty_like(node_at)
    position[node_at] = np.arange(len(node_at))
    edges = ranges(in_ptr[node_at], degree[node_at])
    return FlatGraphs(
        node_ptr, features[node_at], pointers(degree[node_at]), position[in_src[edges]]
    )


def whole(flat: FlatGraphs, *, bridge: bool) -> Union:
    """Return the union whose parts are the whole graphs."""
    return cut(flat, flat.node_ptr[:-1], np.diff(flat.node_ptr), bridge=bridge)


def cut(flat: FlatGraphs, starts: IntArray, lengths: IntArray, *, bridge: bool) -> Union:
    """Return the union of parts.

    starts  : (Q,) first node of each part in the flat layout; a part stays inside one graph, parts
              of one graph may overlap
    lengths : (Q,) number of nodes
    bridge  : whether merges with exactly one parent inside the part are bridged
    """
    part_ptr = pointers(lengths)
    origin = ranges(starts, lengths)
    shift = np.repeat(part_ptr[:-1] - starts, lengths)
    degree = flat.in_ptr[origin + 1] - flat.in_ptr[origin]
    target = np.repeat(np.arange(len(origin)), degree)
    source = flat.in_src[ranges(flat.in_ptr[origin], degree)]
    inside = source >= np.repeat(starts, lengths)[target]
    target, source = target[inside], (source + shift[target])[inside]
    visible = np.bincount(target, minlength=len(origin))
    if bridge:
        removed = flat.is_merge[origin] & (visible == 1)
        if removed.any():
            return _bridged(part_ptr, origin, source, target, removed)
    return Union(part_ptr, origin, pointers(visible), source)


def _bridged(
    part_ptr: IntArray,
    origin: IntArray,
    source: IntArray,
    target: IntArray,
    removed: NDArray[np.bool_],
) -> Union:
    """Leave out the ``removed`` nodes, each of which has one parent that takes its place."""
    stand_in = np.arange(len(origin))
    into_removed = removed[target]
    stand_in[target[into_removed]] = source[into_removed]
    while removed[stand_in].any():
        stand_in = stand_in[stand_in]
    new_index = np.cumsum(~removed) - 1
    target, source = target[~into_removed], stand_in[source[~into_removed]]
    degree = np.bincount(target, minlength=len(origin))[~removed]
    kept_before = np.concatenate([[0], new_index + 1])
    return Union(kept_before[part_ptr], origin[~removed], pointers(degree), new_index[source])
