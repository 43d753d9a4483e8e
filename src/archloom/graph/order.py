"""Topological order by generations, the node order of vocabulary, segments and execution (AutoGO
spec 2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError

if TYPE_CHECKING:
    from archloom.graph.graph import Graph

_FEW_NODES = 1024
"""Up to here a graph is ordered node by node; above, level by level."""


def generation_order(graph: Graph, rank: NDArray[np.integer] | None = None) -> NDArray[np.int32]:
    """Return ``(n,)`` int32 node indices in FIFO-Kahn order, ties broken by ``rank`` (default:
    node index).

    Nodes without predecessors come first in rank order; a node enters the queue when its last
    predecessor is processed, children of one node in rank order. A cycle raises ``GraphError``.
    In a disjoint union each member keeps its own order, between nodes of the others.
    """
    if graph.n_nodes > _FEW_NODES:
        return np.concatenate(depth_levels(graph, rank)).astype(np.int32)
    start, children = _ranked(graph, rank)
    waiting = graph.in_degree.tolist()
    pointer, child_list = graph.out_ptr.tolist(), children.tolist()
    queue = start.tolist()
    for node in queue:  # grows while it is walked
        for child in child_list[pointer[node] : pointer[node + 1]]:
            waiting[child] -= 1
            if not waiting[child]:
                queue.append(child)
    if len(queue) != graph.n_nodes:
        raise cycle_error(graph, next(node for node, left in enumerate(waiting) if left > 0))
    return np.array(queue, dtype=np.int32)


def depth_levels(graph: Graph, rank: NDArray[np.integer] | None = None) -> list[NDArray[np.int64]]:
    """Return the nodes grouped by longest distance from a source, ascending, each group in the
    order of ``generation_order``; a cycle raises ``GraphError``.

    rank : (n,) breaks ties as in ``generation_order``
    """
    frontier, children = _ranked(graph, rank)
    waiting = graph.in_degree.astype(np.int64)
    levels, seen = [], 0
    place = np.empty(graph.n_nodes, dtype=np.int64)
    while len(frontier):
        levels.append(frontier)
        seen += len(frontier)
        start, count = graph.out_ptr[frontier], graph.out_degree[frontier]
        first = np.cumsum(count) - count
        reached = children[np.repeat(start - first, count) + np.arange(int(count.sum()))]
        np.subtract.at(waiting, reached, 1)
        ready = reached[waiting[reached] == 0]
        turn = np.arange(len(ready))
        place[ready] = turn
        frontier = ready[place[ready] == turn].astype(np.int64)  # each node once, at the last turn
    if seen != graph.n_nodes:
        raise cycle_error(graph, int(np.flatnonzero(waiting > 0)[0]))
    return levels


def _ranked(
    graph: Graph, rank: NDArray[np.integer] | None
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the sources, and the successors of all nodes (m,), both by ``rank``."""
    if rank is None:
        return graph.sources, graph.out_dst
    parent = np.repeat(np.arange(graph.n_nodes), graph.out_degree)
    children = graph.out_dst[np.lexsort((rank[graph.out_dst], parent))]
    return graph.sources[np.argsort(rank[graph.sources], kind="stable")], children


def cycle_error(graph: Graph, node: int) -> GraphError:
    """Return the error for ``node``, which is on or behind a cycle."""
    return GraphError(
        f"{graph.describe(node)} is on or behind a cycle: a compute graph must be acyclic, remove "
        f"the edge that leads back."
    )


def weighted_first_rank(graph: Graph) -> NDArray[np.int64]:
    """Return ``(n,)``: position of each node when weighted nodes come first (AutoGO spec 1.1).

    It is the identity for files of the reference, which are stored in that order.
    """
    rank = np.empty(graph.n_nodes, dtype=np.int64)
    rank[np.argsort(~graph.is_weighted, kind="stable")] = np.arange(graph.n_nodes)
    return rank


def autogo_order(graph: Graph) -> NDArray[np.int32]:
    """Return ``(n,)`` int32: the node order of AutoGO's vocabulary, by generations with weighted
    nodes first.
    """
    return generation_order(graph, weighted_first_rank(graph))
