"""Graphs with their uninteresting stretches drawn together, for pictures of what changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph


@dataclass(frozen=True)
class Collapsed:
    """Groups of nodes and the edges between them, acyclic.

    members : nodes of each group, in topological order; groups of more than one node are the
              collapsed stretches
    edges   : distinct (source group, target group) pairs, without loops
    """

    members: list[list[int]]
    edges: list[tuple[int, int]]

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.members)


def collapse(graph: Graph, chosen: NDArray[np.bool_], context: int = 2) -> Collapsed:
    """Return ``graph`` with nodes further than ``context`` edges from a chosen one drawn together.

    chosen : (n,) bool, the nodes to show

    Connected far nodes form one group, unless a shown node lies between them on some path: then the
    part before and the part after it are different groups, so that the result has no cycles.
    """
    near = _grown(graph, chosen, context)
    depth = _alternations(graph, near)
    root = list(range(graph.n_nodes))
    for source, target in graph.edges.tolist():
        if not near[source] and not near[target] and depth[source] == depth[target]:
            root[find(root, source)] = find(root, target)
    groups: dict[int, list[int]] = {}
    for node in graph.order.tolist():
        groups.setdefault(find(root, node), []).append(node)
    index = {key: position for position, key in enumerate(groups)}
    pairs = {
        (index[find(root, source)], index[find(root, target)])
        for source, target in graph.edges.tolist()
    }
    return Collapsed(list(groups.values()), sorted(pair for pair in pairs if pair[0] != pair[1]))


def find(root: list[int], node: int) -> int:
    """Return the representative of ``node`` in a union-find forest, halving the path on the way."""
    while root[node] != node:
        root[node] = root[root[node]]
        node = root[node]
    return node


def _grown(graph: Graph, chosen: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Return ``(n,)`` bool: nodes at most ``steps`` edges from a chosen one, up or down."""
    near = chosen.copy()
    source, target = graph.edges[:, 0], graph.edges[:, 1]
    for _ in range(steps):
        reached = near.copy()
        reached[target[near[source]]] = True
        reached[source[near[target]]] = True
        near = reached
    return near


def _alternations(graph: Graph, near: NDArray[np.bool_]) -> list[int]:
    """Return for each node the most changes between near and far on any path that ends in it."""
    depth = [0] * graph.n_nodes
    flags = near.tolist()
    for node in graph.order.tolist():
        for before in graph.predecessors(node).tolist():
            depth[node] = max(depth[node], depth[before] + (flags[before] != flags[node]))
    return depth
