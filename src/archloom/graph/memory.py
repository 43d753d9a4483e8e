"""Memory of the activations of one inference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archloom.graph.graph import Graph
from archloom.graph.ops import OPS
from archloom.graph.shapes import output_shapes

BYTES_PER_VALUE = 4
"""float32."""


def activation_bytes(graph: Graph) -> NDArray[np.int64]:
    """Return ``(n,)`` int64: the size of each node's output tensor at batch 1, in bytes.

    The output node hands on what it gets and needs nothing of its own.
    """
    values = output_shapes(graph).astype(np.int64).prod(axis=1)
    return BYTES_PER_VALUE * np.where(graph.op == OPS.code("output"), 0, values)


def peak_activations(graph: Graph) -> int:
    """Return the most bytes of activations that are alive at once, batch 1, float32.

    Nodes run in ``graph.order``. A tensor lives from the step that makes it to the last step that
    reads it, both included; what nobody reads stays to the end. Weights, work space of kernels and
    operations in place are not considered. Raises ``GraphError`` for a cyclic graph.
    """
    n = graph.n_nodes
    if not n:
        return 0
    step = np.empty(n, dtype=np.int64)
    step[graph.order] = np.arange(n)
    last = np.where(graph.out_degree == 0, n - 1, step)
    np.maximum.at(last, graph.in_src, step[graph.edge_dst])
    size = activation_bytes(graph)
    change = np.zeros(n + 1, dtype=np.int64)
    np.add.at(change, step, size)
    np.subtract.at(change, last + 1, size)
    return int(np.cumsum(change).max())
