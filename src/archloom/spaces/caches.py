"""Networks in the form that the reference's caches of compute graphs have.

When the reference made its graphs, it kept operations by key words and connected the neighbours of
all others (GENNAPE spec 1.3). The skips of NB-201 and the channel cuts of NB-101 went that way. Our
networks keep them, since they run; this form is for counting what the caches held.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph
from archloom.graph.graph import assemble

NO_NODES = {"nb101": ("slice",), "nb201": ("identity", "zero")}
"""Operations by family that are no nodes in the caches; the identity of dropout is one."""


def in_cache_form(graph: Graph) -> Graph:
    """Return ``graph`` without the nodes that the caches of its family do not have.

    Their operands feed their successors; then equal edges are one, and so a sum or concat may be
    left with a single operand and goes too. Sizes are kept as they are, so that the result cannot
    run where channels were cut. Graphs of other families come back unchanged.
    """
    names = NO_NODES.get(graph.family, ())
    if not names:
        return graph
    bridged = np.isin(graph.op, [OPS.code(name) for name in names]) & ~_is_dropout(graph)
    merges = np.isin(graph.op, [OPS.code("add"), OPS.code("concat")])
    feeds: dict[int, list[int]] = {}
    operands: dict[int, list[int]] = {}
    for node in graph.order.tolist():
        found = chain.from_iterable(feeds[p] for p in graph.predecessors(node).tolist())
        distinct = list(dict.fromkeys(found))
        if bridged[node] or (merges[node] and len(distinct) == 1):
            feeds[node] = distinct
        else:
            feeds[node], operands[node] = [node], distinct
    kept = sorted(operands)
    position = {node: index for index, node in enumerate(kept)}
    pairs = [(position[source], position[node]) for node in kept for source in operands[node]]
    source, target = np.array(pairs).T
    return assemble(
        graph.take(kept),
        source,
        target,
        name=graph.name,
        family=graph.family,
        definitions=graph.definitions,
    )


def _is_dropout(graph: Graph) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a node is the identity behind the mean of the classifier."""
    means = graph.op[graph.in_src] == OPS.code("mean")
    return np.bincount(graph.edge_dst[means], minlength=graph.n_nodes) > 0
