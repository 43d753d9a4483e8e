"""Exact isomorphism of two graphs, the tie-check behind equal hashes."""

from __future__ import annotations

from typing import Any

from archloom.graph.graph import Graph
from archloom.graph.hashing import Level, node_colours


def is_isomorphic(first: Graph, second: Graph, level: Level = "instance") -> bool:
    """Return whether a renumbering turns ``first`` into ``second`` (what counts is set by
    ``level``, see ``graph_hash``).

    Operand order does not count. Node colours prune the matching, so equal graphs are confirmed in
    about linear time.
    """
    from networkx.algorithms.isomorphism import DiGraphMatcher, categorical_node_match

    if (first.n_nodes, first.n_edges) != (second.n_nodes, second.n_edges):
        return False
    matcher = DiGraphMatcher(
        _coloured(first, level),
        _coloured(second, level),
        node_match=categorical_node_match("colour", None),
    )
    return bool(matcher.is_isomorphic())


def _coloured(graph: Graph, level: Level) -> Any:
    """Return ``graph`` as a networkx digraph with a colour at each node; repeated edges become a
    count.
    """
    import networkx

    result = networkx.DiGraph()
    for node, colour in enumerate(node_colours(graph, level).tolist()):
        result.add_node(node, colour=colour)
    result.add_edges_from(graph.edges.tolist())
    return result
