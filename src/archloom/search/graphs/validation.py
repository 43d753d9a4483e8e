"""Validation of stitched children: only what differs from their parent is looked at."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph
from archloom.graph.check import faulty_nodes
from archloom.graph.graph import NODE_FIELDS
from archloom.search.graphs.stitching import Children

Flags = NDArray[np.bool_]


def validate(
    parent: Graph, children: Children, times: NDArray[np.integer], rejected: Counter[str]
) -> Flags:
    """Return ``(k,)``: whether each child is a valid network; count the others by reason, each as
    many ``times`` (k,) as it was proposed.

    Rules: sources are inputs, sinks are outputs, no repeated edge but into fixed nodes, every shape
    rule of ``archloom.graph.check``. Children are acyclic by construction; their hash would raise
    otherwise. A node whose neighbours are those of the parent is as sound as it was there.
    """
    union, touched = children.union, np.flatnonzero(children.touched)
    before = node_faults(parent, np.arange(parent.n_nodes))
    now = node_faults(union, touched)
    sound = np.ones(len(times), dtype=np.bool_)
    for reason, faults in now.items():
        faulty = np.zeros(union.n_nodes, dtype=np.bool_)
        if before[reason].any():
            old = ~children.touched
            faulty[old] = before[reason][children.origin[old]]
        faulty[touched] = faults
        wrong = np.logical_or.reduceat(faulty, children.bounds[:-1])
        rejected[reason] += int(times[sound & wrong].sum())
        sound &= ~wrong
    return sound


def node_faults(graph: Graph, nodes: NDArray[np.integer]) -> dict[str, Flags]:
    """Return by reason ``(len(nodes),)``: whether each of ``nodes`` breaks a rule."""
    count, op = graph.in_degree[nodes].astype(np.int64), graph.op[nodes]
    first = np.cumsum(count) - count
    edges = np.repeat(graph.in_ptr[nodes] - first, count) + np.arange(int(count.sum()))
    operands, target = graph.in_src[edges], np.repeat(np.arange(len(nodes)), count)
    key = np.sort(target * graph.n_nodes + operands)
    repeated = np.zeros(len(nodes), dtype=np.bool_)
    repeated[key[1:][key[1:] == key[:-1]] // graph.n_nodes] = True
    loose = (count == 0) & (op != OPS.code("input"))
    loose |= (graph.out_degree[nodes] == 0) & (op != OPS.code("output"))
    return {
        "repeated edge": repeated & ~graph.is_fixed[nodes],
        "loose end": loose,
        "shape rule broken": faulty_nodes(_with_operands(graph, nodes, operands))[: len(nodes)],
    }


def _with_operands(
    graph: Graph, nodes: NDArray[np.integer], operands: NDArray[np.integer]
) -> Graph:
    """Return ``nodes`` with their ``operands``, each a node of its own that has none itself."""
    taken = np.concatenate([nodes, operands])
    degrees = np.zeros(len(taken), dtype=np.int64)
    degrees[: len(nodes)] = graph.in_degree[nodes]
    arrays = {field: getattr(graph, field).take(taken, axis=0) for field in NODE_FIELDS}
    arrays["in_src"] = np.arange(len(nodes), len(taken), dtype=np.int32)
    arrays["in_ptr"] = np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32)
    return Graph(**arrays, definitions=graph.definitions)
