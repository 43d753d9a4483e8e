"""Differentiable ranks (AutoBuild spec 2.4): the Euclidean projection on the permutahedron.

Sorted values, less the ranks B to 1, are made non-increasing by pooling neighbours that violate the
order; what a value is above its pool's mean, subtracted from it, is its soft rank. In the backward
pass the gradient loses its mean over every pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.errors import ConfigError

Rows = NDArray[np.floating[Any]]
Pullback = Callable[[Rows], NDArray[np.float64]]
"""Maps the gradient of ranks to that of the ranked values, both (R, B)."""
Ranking = Callable[[Rows], tuple[NDArray[np.float64], Pullback]]
"""Ranks the values of every row, (R, B)."""
SoftRanks = Literal["own", "torchsort"]

_SMALLEST = 1e-12


def ranking(name: SoftRanks) -> Ranking:
    """Return the soft ranks of this module, or those of the package torchsort, which are the same.

    Raises ``ConfigError`` where torchsort is wanted and not installed.
    """
    if name == "own":
        return ranked
    try:
        import torchsort
    except ImportError as error:
        raise ConfigError(
            "soft_ranks = 'torchsort', but that package is not installed: run pip install "
            "'archloom[torchsort]' (it is compiled where it is installed), or write 'own'."
        ) from error

    def with_torchsort(values: Rows) -> tuple[NDArray[np.float64], Pullback]:
        given = torch.from_numpy(values).double().requires_grad_()
        ranks = torchsort.soft_rank(given, regularization="l2", regularization_strength=1.0)

        def pullback(gradient: Rows) -> NDArray[np.float64]:
            (back,) = torch.autograd.grad(ranks, given, torch.from_numpy(gradient).double())
            return back.numpy()

        return ranks.detach().numpy(), pullback

    return with_torchsort


def ranked(values: Rows) -> tuple[NDArray[np.float64], Pullback]:
    """Return the soft ranks of finite values among those of their row, (R, B), and how gradients
    go back; the largest of ``B`` that are far apart gets rank B, the smallest rank 1.

    The regularisation strength is 1: values are far apart where neighbours differ by 1 or more.
    """
    n_rows, n = values.shape
    order = np.argsort(-values, axis=1, kind="stable")
    order += n * np.arange(n_rows)[:, None]
    order = order.ravel()
    ordered = values.ravel()[order].astype(np.float64)
    pooled, starts = _pool(ordered.reshape(n_rows, n) - np.arange(n, 0, -1))
    ordered -= pooled
    ranks = np.empty_like(ordered)
    ranks[order] = ordered

    def pullback(gradient: Rows) -> NDArray[np.float64]:
        sorted_gradient = gradient.ravel()[order].astype(np.float64)
        sizes = np.diff(starts)
        means = np.add.reduceat(sorted_gradient, starts[:-1]) / sizes
        sorted_gradient -= np.repeat(means, sizes)
        back = np.empty_like(sorted_gradient)
        back[order] = sorted_gradient
        return back.reshape(n_rows, n)

    return ranks.reshape(n_rows, n), pullback


def rank_loss_gradient(
    values: Rows, target: Rows, rank: Ranking = ranked
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean of 1 - r over the rows, r the correlation of soft ranks with the target, and
    its gradient by the values, (R, B).

    values : (R, B); target : (B,), not ranked itself. Without variation r and its gradient are 0.
    """
    ranks, pullback = rank(values)
    x = ranks - ranks.mean(axis=1, keepdims=True)
    y = target - target.mean()
    squares = np.einsum("rb,rb->r", x, x)
    norm = np.sqrt(squares * (y @ y))
    varied = norm > _SMALLEST
    norm[~varied], squares[~varied] = np.inf, np.inf
    correlation = x @ y / norm
    gradient = (correlation / squares)[:, None] * x - y / norm[:, None]
    return float(1 - correlation.mean()), pullback(gradient / len(values))


def soft_rank(values: Tensor) -> Tensor:
    """Return the soft ranks of (R, B) finite floats on the CPU, see ``ranked``."""
    ranks: Tensor = _SoftRank.apply(values)  # type: ignore[no-untyped-call]
    return ranks


def rank_loss(values: Tensor, target: Tensor, rank: Ranking = ranked) -> Tensor:
    """Return ``rank_loss_gradient``'s loss, a scalar that gradients go back through."""
    loss: Tensor = _RankLoss.apply(values, target, rank)  # type: ignore[no-untyped-call]
    return loss


class _SoftRank(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ranks, ctx.pullback = ranked(values.detach().numpy())
        return torch.from_numpy(ranks).to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return torch.from_numpy(ctx.pullback(gradients[0].numpy())).to(gradients[0].dtype)


class _RankLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, target: Tensor, rank: Ranking) -> Tensor:
        loss, gradient = rank_loss_gradient(values.detach().numpy(), target.numpy(), rank)
        ctx.gradient = torch.from_numpy(gradient).to(values.dtype)
        return values.new_tensor(loss)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0] * ctx.gradient, None, None


def _pool(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the non-increasing regression of every row, flat, and where its pools start and end.

    All rows are one regression: each is moved so far below the one before that no pool spans two.
    """
    from scipy.optimize import isotonic_regression

    gap = rows.max() - rows.min() + 1.0
    shift = np.repeat(gap * np.arange(len(rows)), rows.shape[1])
    found = isotonic_regression(rows.ravel() - shift, increasing=False)
    return found.x + shift, found.blocks
