"""Small changes of a graph's wiring that keep the ids, and so the weights, of all other nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, assemble


def cut_behind(graph: Graph, ends: Sequence[int]) -> Graph:
    """Return what ``ends`` depend on, with one ``output`` node behind each, in that order.

    The new nodes come last and have new ids; sizes are those stored before.
    """
    kept = ancestors(graph, ends)
    rows = np.concatenate([kept, ends]).astype(np.int64)
    position = np.full(graph.n_nodes, -1)
    position[kept] = np.arange(len(kept))
    inside = position[graph.edge_dst] >= 0
    arrays = _with_plain_rows(graph, rows, len(ends), "output")
    return assemble(
        arrays,
        np.concatenate([position[graph.in_src[inside]], position[list(ends)]]),
        np.concatenate([position[graph.edge_dst[inside]], len(kept) + np.arange(len(ends))]),
        name=graph.name,
        family=graph.family,
        definitions=graph.definitions,
    )


def ancestors(graph: Graph, ends: Sequence[int]) -> NDArray[np.int64]:
    """Return (k,) node indices, ascending: ``ends`` and all that they depend on."""
    needed = np.zeros(graph.n_nodes, dtype=np.bool_)
    needed[list(ends)] = True
    for node in graph.order[::-1].tolist():
        if needed[node]:
            needed[graph.predecessors(node)] = True
    return np.flatnonzero(needed)


def without(graph: Graph, gone: NDArray[np.bool_]) -> Graph:
    """Return the graph without the nodes where ``gone`` (n,) holds, each of one operand.

    What read such a node reads its operand instead; sizes are those stored before.
    """
    origin = np.arange(graph.n_nodes)
    for node in graph.order[gone[graph.order]].tolist():
        origin[node] = origin[graph.predecessors(node)[0]]
    kept = np.flatnonzero(~gone)
    position = np.full(graph.n_nodes, -1)
    position[kept] = np.arange(len(kept))
    edges = ~gone[graph.edge_dst]
    return assemble(
        graph.take(kept),
        position[origin[graph.in_src[edges]]],
        position[graph.edge_dst[edges]],
        name=graph.name,
        family=graph.family,
        definitions=graph.definitions,
    )


def padded_before(graph: Graph, nodes: NDArray[np.integer], pixels: int) -> Graph:
    """Return the graph with a ``paddings`` node of ``pixels`` on every side before each of
    ``nodes``, which have one operand each; sizes are those stored before.
    """
    arrays = _with_plain_rows(
        graph, np.concatenate([np.arange(graph.n_nodes), nodes]), len(nodes), "paddings"
    )
    arrays["pads"][graph.n_nodes :] = pixels
    pads = graph.n_nodes + np.arange(len(nodes))
    source = graph.in_src.astype(np.int64)
    first = graph.in_ptr[nodes]
    before = source[first]
    source[first] = pads
    return assemble(
        arrays,
        np.concatenate([source, before]),
        np.concatenate([graph.edge_dst, pads]),
        name=graph.name,
        family=graph.family,
        definitions=graph.definitions,
    )


def _with_plain_rows(
    graph: Graph, rows: NDArray[np.integer], n_new: int, op: str
) -> dict[str, NDArray[np.generic]]:
    """Return the node arrays of ``rows``, the last ``n_new`` made plain nodes of ``op`` that pass
    on what their row put out, with new ids.
    """
    arrays = graph.take(rows)
    new = slice(len(rows) - n_new, None)
    plain = {"op": OPS.code(op), "kernel": 0, "stride": 1, "dilation": 1, "padding": 0}
    plain |= {"pads": 0, "bias": False, "groups": 1, "definition": -1}
    for field, value in plain.items():
        arrays[field][new] = value
    outputs = arrays["resolution"][new, 1::2]
    arrays["resolution"][new] = np.repeat(outputs, 2, axis=1)
    arrays["ids"][new] = graph.ids.max() + 1 + np.arange(n_new)
    return arrays
