"""Differentiable ranks (AutoBuild spec 2.4): the Euclidean projection on the permutahedron.

Sorted values, less the ranks B to 1, are made non-increasing by pooling neighbours that violate the
order; what a value is above its pool's mean, subtracted from it, is its soft rank. In the backward
pass the gradient loses its mean over every pool.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SMALLEST = 1e-12


class _SoftRank(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        theta = values.detach().double().numpy()
        n_rows, n = theta.shape
        order = np.argsort(-theta, axis=1, kind="stable") + n * np.arange(n_rows)[:, None]
        order = order.ravel()
        ordered = theta.ravel()[order].reshape(n_rows, n)
        pooled, starts = _pool(ordered - np.arange(n, 0, -1))
        ranks = np.empty(theta.size)
        ranks[order] = ordered.ravel() - pooled
        ctx.pools = order, starts
        return torch.from_numpy(ranks).view_as(values).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        order, starts = ctx.pools
        gradient = gradients[0].double().numpy()
        ordered = gradient.ravel()[order]
        sizes = np.diff(starts)
        means = np.add.reduceat(ordered, starts[:-1]) / sizes
        result = np.empty(gradient.size)
        result[order] = ordered - np.repeat(means, sizes)
        return torch.from_numpy(result).view(gradient.shape).to(gradients[0].dtype)


def _pool(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the non-increasing regression of every row, flat, and where its pools start and end.

    All rows are one regression: each is moved so far below the one before that no pool spans two.
    """
    from scipy.optimize import isotonic_regression

    gap = rows.max() - rows.min() + 1.0
    shift = np.repeat(gap * np.arange(len(rows)), rows.shape[1])
    found = isotonic_regression(rows.ravel() - shift, increasing=False)
    return found.x + shift, found.blocks


def soft_rank(values: Tensor) -> Tensor:
    """Return the soft rank of each value among those of its row; the largest value of ``B`` that
    are far apart gets rank B, the smallest rank 1.

    values : (R, B) finite floats on the CPU; the regularisation strength is 1, so that values are
             far apart where neighbours differ by 1 or more
    """
    ranks: Tensor = _SoftRank.apply(values)  # type: ignore[no-untyped-call]
    return ranks


def rank_loss(values: Tensor, target: Tensor) -> Tensor:
    """Return the mean of 1 - r over the rows, r the correlation of soft ranks with the target.

    values : (R, B); target : (B,), not ranked itself. Without variation r is 0.
    """
    ranks = soft_rank(values)
    x, y = ranks - ranks.mean(1, keepdim=True), target - target.mean()
    norm = (x.square().sum(1) * y.square().sum()).clamp_min(_SMALLEST).sqrt()
    return 1 - (x @ y / norm).mean()
