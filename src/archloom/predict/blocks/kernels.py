"""Loops over the nodes of chains, compiled: what a training step of a block network does between
its matrix products, see ``archloom.predict.blocks.encoding``.

Each loop passes over its arrays once and writes what it is given for that; no temporary arrays
come and go. Letters: N nodes, G graphs, D width. Graph g is the rows ``ptr[g]`` to ``ptr[g + 1]``,
the node before is the row before. All arrays are of 32-bit floats, ``ptr`` is of 64-bit integers.

An inner loop stores to one array only: that is what makes a compiler use vector instructions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archloom.compiling import compiled

Array = NDArray[np.float32]
Rows = NDArray[np.int64]


@compiled
def pool(ptr: Rows, rows: Array, pooled: Array) -> None:
    """Write the sum of each graph's rows (N, D) to ``pooled``, (G, D)."""
    pooled[:] = 0
    for g in range(len(ptr) - 1):
        for i in range(ptr[g], ptr[g + 1]):
            for d in range(rows.shape[1]):
                pooled[g, d] += rows[i, d]


@compiled
def gather_by_kind(ptr: Rows, kind: Rows, rows: Array, of_graphs: Array, sums: Array) -> None:
    """Write the sums of rows (N, .), each with what its graph adds (G, .), over the rows of every
    kind (N,) to ``sums``, (K, .).
    """
    sums[:] = 0
    for g in range(len(ptr) - 1):
        for i in range(ptr[g], ptr[g + 1]):
            for d in range(rows.shape[1]):
                sums[kind[i], d] += rows[i, d] + of_graphs[g, d]


@compiled
def attend(
    ptr: Rows, own: Array, query: Array, vector: Array, slope: float, share: Array, out: Array
) -> None:
    """Write a node's mean of its own value and that of the node before to ``out``, (N, D), and the
    share of the second to ``share``, (N,)::

        sigmoid(vector . f(query + before) - vector . f(query + own)),  f leaky with ``slope``
    """
    leak, width = np.float32(slope), own.shape[1]
    for g in range(len(ptr) - 1):
        share[ptr[g]] = 0
        out[ptr[g]] = own[ptr[g]]
        for i in range(ptr[g] + 1, ptr[g + 1]):
            margin = np.float32(0)
            for d in range(width):
                before, here = query[i, d] + own[i - 1, d], query[i, d] + own[i, d]
                margin += vector[d] * (max(before, leak * before) - max(here, leak * here))
            share[i] = np.float32(1) / (np.float32(1) + np.exp(-margin))
            for d in range(width):
                out[i, d] = own[i, d] + share[i] * (own[i - 1, d] - own[i, d])


@compiled
def attend_back(
    ptr: Rows, own: Array, query: Array, vector: Array, slope: float, share: Array,
    gradient: Array, margins: Array, to_own: Array, to_query: Array, query_sum: Array,
    to_vector: Array,
) -> None:  # fmt: skip
    """Write the gradients by the arguments of ``attend``, given that (N, D) by its result.

    ``margins``, (N,), becomes the gradient by what the sigmoid is of, ``query_sum``, (D,), the sum
    of ``to_query`` over the nodes.
    """
    one, leak, width = np.float32(1), np.float32(slope), own.shape[1]
    to_vector[:] = 0
    query_sum[:] = 0
    for g in range(len(ptr) - 1):
        margins[ptr[g]] = 0
        to_query[ptr[g]] = 0
        for i in range(ptr[g] + 1, ptr[g + 1]):
            margin = np.float32(0)
            for d in range(width):
                margin += gradient[i, d] * (own[i - 1, d] - own[i, d])
            margin *= share[i] * (one - share[i])
            margins[i] = margin
            for d in range(width):
                of_before = one if query[i, d] + own[i - 1, d] > 0 else leak
                of_here = one if query[i, d] + own[i, d] > 0 else leak
                to_query[i, d] = margin * vector[d] * (of_before - of_here)
            for d in range(width):
                query_sum[d] += to_query[i, d]
            for d in range(width):
                before, here = query[i, d] + own[i - 1, d], query[i, d] + own[i, d]
                to_vector[d] += margin * (max(before, leak * before) - max(here, leak * here))
        for i in range(ptr[g], ptr[g + 1]):
            for d in range(width):
                of_here = one if query[i, d] + own[i, d] > 0 else leak
                kept = (one - share[i]) * gradient[i, d]
                to_own[i, d] = kept - margins[i] * vector[d] * of_here
        for i in range(ptr[g] + 1, ptr[g + 1]):
            for d in range(width):
                of_before = one if query[i, d] + own[i - 1, d] > 0 else leak
                given = share[i] * gradient[i, d]
                to_own[i - 1, d] += given + margins[i] * vector[d] * of_before


@compiled
def add_before(ptr: Rows, messages: Array, rows: Array) -> None:
    """Add to the row (N, D) of each node the message (N, D) of the node before."""
    for g in range(len(ptr) - 1):
        for i in range(ptr[g] + 1, ptr[g + 1]):
            for d in range(rows.shape[1]):
                rows[i, d] += messages[i - 1, d]


@compiled
def add_before_back(ptr: Rows, gradient: Array, to_messages: Array) -> None:
    """Write the gradient (N, D) by the messages of ``add_before``, given that by its result."""
    for g in range(len(ptr) - 1):
        to_messages[ptr[g + 1] - 1] = 0
        for i in range(ptr[g] + 1, ptr[g + 1]):
            to_messages[i - 1] = gradient[i]


@compiled
def normalise(
    ptr: Rows, rows: Array, weight: Array, bias: Array, epsilon: float, slope: float,
    before: Array | None, mean: Array, scale: Array, out: Array, pooled: Array,
) -> None:  # fmt: skip
    """Batch norm and leaky activation of rows (N, D), added to ``before`` where that is given.

    Writes mean (D,) and inverse standard deviation (D,) of the rows, the result (N, D), and its
    sums over graphs (G, D).
    """
    (n, width), leak = rows.shape, np.float32(slope)
    mean[:] = 0
    for i in range(n):
        for d in range(width):
            mean[d] += rows[i, d]
    mean /= np.float32(n)
    scale[:] = 0
    for i in range(n):
        for d in range(width):
            scale[d] += (rows[i, d] - mean[d]) ** 2
    for d in range(width):
        scale[d] = 1 / np.sqrt(scale[d] / n + epsilon)
    pooled[:] = 0
    for g in range(len(ptr) - 1):
        for i in range(ptr[g], ptr[g + 1]):
            for d in range(width):
                z = (rows[i, d] - mean[d]) * scale[d] * weight[d] + bias[d]
                active = max(z, leak * z)
                out[i, d] = active if before is None else before[i, d] + active
            for d in range(width):
                pooled[g, d] += out[i, d]


@compiled
def normalise_back(
    ptr: Rows, rows: Array, weight: Array, bias: Array, slope: float, mean: Array, scale: Array,
    gradient: Array, of_graphs: Array, to_rows: Array, to_weight: Array, to_bias: Array,
) -> None:  # fmt: skip
    """Write the gradients by the arguments of ``normalise``, given its means and scales.

    ``gradient``, (N, D), by its result, is given that by the result's sums, (G, D), too: it is then
    also the gradient by ``before``.
    """
    (n, width), leak = rows.shape, np.float32(slope)
    to_weight[:] = 0
    to_bias[:] = 0
    for g in range(len(ptr) - 1):
        for i in range(ptr[g], ptr[g + 1]):
            for d in range(width):
                gradient[i, d] += of_graphs[g, d]
            for d in range(width):
                z = (rows[i, d] - mean[d]) * scale[d] * weight[d] + bias[d]
                to_rows[i, d] = gradient[i, d] if z > 0 else leak * gradient[i, d]
            for d in range(width):
                to_bias[d] += to_rows[i, d]
            for d in range(width):
                to_weight[d] += to_rows[i, d] * (rows[i, d] - mean[d]) * scale[d]
    share = np.float32(1 / n)
    for i in range(n):
        for d in range(width):
            along = (rows[i, d] - mean[d]) * scale[d] * to_weight[d]
            to_rows[i, d] -= share * (to_bias[d] + along)
        for d in range(width):
            to_rows[i, d] *= weight[d] * scale[d]
