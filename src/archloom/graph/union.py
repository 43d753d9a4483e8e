"""Disjoint unions: many graphs as one, so that work on all of them is vectorised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.graph.definition import Definition
from archloom.graph.graph import NODE_FIELDS, Graph


def disjoint_union(graphs: Sequence[Graph]) -> tuple[Graph, NDArray[np.int64]]:
    """Return one graph that holds ``graphs`` side by side, and ``(k + 1,)`` the first node of each.

    Node ids are kept as they are, so they may repeat between members; ``shared`` is kept where it
    is the same for all. An empty sequence raises ``ValueError``.
    """
    bounds = np.concatenate([[0], np.cumsum([graph.n_nodes for graph in graphs])])
    edge_bounds = np.concatenate([[0], np.cumsum([graph.n_edges for graph in graphs])])
    arrays: dict[str, Any] = {
        field: np.concatenate([getattr(graph, field) for graph in graphs])
        for field in NODE_FIELDS
        if field != "definition"
    }
    arrays["in_src"] = np.concatenate(
        [graph.in_src + start for graph, start in zip(graphs, bounds.tolist(), strict=False)]
    ).astype(np.int32)
    arrays["in_ptr"] = np.concatenate(
        [
            [0],
            *(
                graph.in_ptr[1:] + start
                for graph, start in zip(graphs, edge_bounds.tolist(), strict=False)
            ),
        ]
    ).astype(np.int32)
    arrays["definition"], definitions = _joined_definitions(graphs)
    for array in arrays.values():
        array.setflags(write=False)
    shared = graphs[0].shared if len({graph.shared for graph in graphs}) == 1 else ()
    return Graph(**arrays, definitions=definitions, shared=shared), bounds


def member(union: Graph, start: int, stop: int) -> Graph:
    """Return the member of a disjoint union that has the nodes ``start`` to ``stop - 1`` as a graph
    of its own, which shares no array with the union.
    """
    first, last = union.in_ptr[[start, stop]].tolist()
    arrays = {field: getattr(union, field)[start:stop].copy() for field in NODE_FIELDS}
    arrays["in_ptr"] = union.in_ptr[start : stop + 1] - np.int32(first)
    arrays["in_src"] = union.in_src[first:last] - np.int32(start)
    for array in arrays.values():
        array.setflags(write=False)
    facts = {name: getattr(union, name) for name in ("family", "definitions", "ends", "shared")}
    return Graph(**arrays, **facts)


def _joined_definitions(
    graphs: Sequence[Graph],
) -> tuple[NDArray[np.int32], tuple[Definition, ...]]:
    """Return the definition column of the union, and the definitions that it points to."""
    shared = graphs[0].definitions
    if all(graph.definitions is shared or not graph.definitions for graph in graphs):
        return np.concatenate([graph.definition for graph in graphs]), shared
    starts = np.cumsum([0, *(len(graph.definitions) for graph in graphs)]).tolist()
    columns = [
        np.where(graph.is_fixed, graph.definition + start, -1)
        for graph, start in zip(graphs, starts, strict=False)
    ]
    definitions = tuple(one for graph in graphs for one in graph.definitions)
    return np.concatenate(columns).astype(np.int32), definitions
