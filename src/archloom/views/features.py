"""AutoGO node features: what a predictor sees of a node (AutoGO spec 4.3).

Features stay whole numbers here; a predictor divides the sizes by the normalisers of its own model
card, never by attributes of a graph (AutoGO spec 8.1, B7).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.graph import OPS, Graph

OP, SIZES, KERNEL, BIAS = 0, slice(1, 7), slice(7, 9), 9
"""Columns of a feature row: op index, (H_in, H_out, W_in, W_out, C_in, C_out), (k_h, k_w), bias."""
N_COLUMNS = 10
VOCABULARY_SIZE = 32
"""Number of op indices of the AutoGO vocabulary; operations behind it count as unknown, index 0."""
MAX_KERNEL = 7


class Normalisers(NamedTuple):
    """Sizes that count as 1: constants of a predictor, saved with it."""

    height: int = 256
    width: int = 256
    channels: int = 512

    @classmethod
    def largest_of(cls, graphs: Iterable[Graph]) -> Self:
        """Return the largest height, width and channels that occur in ``graphs``."""
        largest = np.max([graph.resolution.max(axis=0) for graph in graphs], axis=0)
        height, width, channels = largest.reshape(3, 2).max(axis=1).tolist()
        return cls(height, width, channels)

    @property
    def divisors(self) -> NDArray[np.float32]:
        """(6,) divisor of each entry of a resolution."""
        return np.repeat(np.array(self, dtype=np.float32), 2)


def node_features(*graphs: Graph) -> NDArray[np.int32]:
    """Return ``(n, 10)`` feature rows by node index, one graph after the other.

    Kernel and bias are 0 where a node is not weighted. A weighted node with a kernel above 7, which
    no embedding table holds, raises ``GraphError``.
    """
    op = np.concatenate([graph.op for graph in graphs])
    rows = np.empty((len(op), N_COLUMNS), dtype=np.int32)
    rows[:, OP] = np.where(op < VOCABULARY_SIZE, op, 0)
    rows[:, SIZES] = np.concatenate([graph.resolution for graph in graphs])
    weighted = weighted_rows(rows)
    kernel = np.concatenate([graph.kernel for graph in graphs])
    rows[:, KERNEL] = kernel * weighted[:, None]
    rows[:, BIAS] = weighted & np.concatenate([graph.bias for graph in graphs])
    if rows[:, KERNEL].max(initial=0) > MAX_KERNEL:
        raise _kernel_error(graphs, int(rows[:, KERNEL].max(axis=1).argmax()))
    return rows


def _kernel_error(graphs: tuple[Graph, ...], row: int) -> GraphError:
    """Return the error for the node behind a feature row."""
    for graph in graphs:
        if row < graph.n_nodes:
            break
        row -= graph.n_nodes
    return GraphError(
        f"{graph.describe(row)} has the kernel {graph.kernel[row].tolist()}: AutoGO's tables end "
        f"at {MAX_KERNEL}, score this graph with another predictor."
    )


def weighted_rows(rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return ``(n,)``: which feature rows describe a weighted node (conv, depthwise, matmul)."""
    return OPS.table("weighted")[rows[:, OP]].astype(np.bool_)
