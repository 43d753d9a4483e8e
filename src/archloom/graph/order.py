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


def generation_order(graph: Graph, rank: NDArray[np.integer] | None = None) -> NDArray[np.int32]:
    """Return ``(n,)`` int32 node indices in FIFO-Kahn order, ties broken by ``rank`` (default:
    node index).

    Nodes without predecessors come first in rank order; a node enters the queue when its last
    predecessor is processed, children of one node in rank order. A cycle raises ``GraphError``.
    """
    if rank is None:
        children, start = graph.out_dst, graph.sources
    else:
        children = graph.out_dst[
            np.lexsort((rank[graph.out_dst], np.repeat(np.arange(graph.n_nodes), graph.out_degree)))
        ]
        start = graph.sources[np.argsort(rank[graph.sources], kind="stable")]
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


def depth_levels(graph: Graph) -> list[NDArray[np.int64]]:
    """Return the nodes grouped by longest distance from a source, ascending; a cycle raises
    ``GraphError``.
    """
    waiting = graph.in_degree.astype(np.int64)
    frontier, levels, seen = graph.sources, [], 0
    place = np.empty(graph.n_nodes, dtype=np.int64)
    while len(frontier):
        levels.append(frontier)
        seen += len(frontier)
        start, count = graph.out_ptr[frontier], graph.out_degree[frontier]
        first = np.cumsum(count) - count
        children = graph.out_dst[np.repeat(start - first, count) + np.arange(int(count.sum()))]
        np.subtract.at(waiting, children, 1)
        ready = children[waiting[children] == 0]
        turn = np.arange(len(ready))
        place[ready] = turn
        frontier = ready[place[ready] == turn].astype(np.int64)  # each node once
    if seen != graph.n_nodes:
        raise cycle_error(graph, int(np.flatnonzero(waiting > 0)[0]))
    return levels


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
