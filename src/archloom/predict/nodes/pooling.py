"""Sums and means over the nodes of parts, from embeddings of classes.

Letters: K classes, Q parts, D embedding size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class _GatherSum(torch.autograd.Function):
    """Sums of rows, chosen by a CSR matrix; the gradient is the same with the transpose."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: NDArray[np.int32], ptr: NDArray[np.int32]) -> Tensor:
        ctx.csr = (len(rows), index, ptr)
        return _bag(rows, index, ptr)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _bag(gradients[0].contiguous(), *_transposed(*ctx.csr)), None, None


def _bag(rows: Tensor, index: NDArray[np.int32], ptr: NDArray[np.int32]) -> Tensor:
    places = torch.from_numpy(index).to(rows.device), torch.from_numpy(ptr).to(rows.device)
    return torch.embedding_bag(rows, *places, False, 0, False, None, True)[0]


def _transposed(
    n_rows: int, index: NDArray[np.int32], ptr: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return index and ptr of the transposed 0/1 matrix with ``n_rows`` columns."""
    from scipy.sparse import csr_array

    ones = np.empty(len(index), dtype=np.int8)
    matrix = csr_array((ones, index, ptr), shape=(len(ptr) - 1, n_rows)).tocsc()
    return matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)


def gather_sum(rows: Tensor, index: NDArray[np.integer], ptr: NDArray[np.integer]) -> Tensor:
    """Return ``(Q, D)``: row q is the sum of ``rows[index[ptr[q]:ptr[q + 1]]]``.

    rows : (K, D) float32; an empty row gives zeros
    """
    summed: Tensor = _GatherSum.apply(  # type: ignore[no-untyped-call]
        rows,
        np.ascontiguousarray(index, dtype=np.int32),
        np.ascontiguousarray(ptr, dtype=np.int32),
    )
    return summed


def part_means(rows: Tensor, entries: NDArray[np.integer], ptr: NDArray[np.integer]) -> Tensor:
    """Return ``(Q, D)`` means of the nodes of parts.

    rows : (K, D) embeddings of classes; entries, ptr: class of every node of each part
    """
    sizes = torch.from_numpy(np.diff(ptr).astype(np.float32)).to(rows.device)
    return gather_sum(rows, entries, ptr) / sizes[:, None]
