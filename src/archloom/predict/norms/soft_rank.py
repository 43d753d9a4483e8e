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

from archloom.compiling import compiled
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
    order = np.argsort(-values, axis=1, kind="stable")
    ends, ranks = np.empty_like(order), np.empty(values.shape)
    _project(np.ascontiguousarray(values), order, ends, ranks)

    def pullback(gradient: Rows) -> NDArray[np.float64]:
        back = np.empty(gradient.shape)
        _project_back(np.ascontiguousarray(gradient), order, ends, back)
        return back

    return ranks, pullback


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
    """Return ``rank_loss_gradient``'s loss, a scalar that gradients go back through; it is computed
    on the CPU.
    """
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
        rows, wanted = values.detach().cpu().numpy(), target.cpu().numpy()
        loss, gradient = rank_loss_gradient(rows, wanted, rank)
        ctx.gradient = torch.from_numpy(gradient).to(values)
        return values.new_tensor(loss)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0] * ctx.gradient, None, None


@compiled
def _project(
    values: Rows, order: NDArray[np.int64], ends: NDArray[np.int64], ranks: NDArray[np.float64]
) -> None:
    """Write the soft ranks of rows (R, B), given what sorts each row, largest first.

    A pool that starts at place i of the sorted row ends before place ``ends[r, i]``; the ends of
    other places mean nothing.
    """
    n_rows, n = values.shape
    means = np.empty(n)
    starts = np.empty(n + 1, np.int64)
    for r in range(n_rows):
        n_pools = 0
        for i in range(n):
            start, mean = i, values[r, order[r, i]] - float(n - i)
            while n_pools and means[n_pools - 1] < mean:
                n_pools -= 1
                weight = (start - starts[n_pools]) / (i + 1 - starts[n_pools])
                mean += weight * (means[n_pools] - mean)
                start = starts[n_pools]
            means[n_pools], starts[n_pools] = mean, start
            n_pools += 1
        starts[n_pools] = n
        for pool in range(n_pools):
            ends[r, starts[pool]] = starts[pool + 1]
            for i in range(starts[pool], starts[pool + 1]):
                ranks[r, order[r, i]] = values[r, order[r, i]] - means[pool]


@compiled
def _project_back(
    gradient: Rows, order: NDArray[np.int64], ends: NDArray[np.int64], back: NDArray[np.float64]
) -> None:
    """Write the gradient (R, B) by the values of ``_project``, given that by their ranks."""
    n_rows, n = gradient.shape
    for r in range(n_rows):
        start = 0
        while start < n:
            end, mean = ends[r, start], 0.0
            for i in range(start, end):
                mean += gradient[r, order[r, i]] / (end - start)
            for i in range(start, end):
                back[r, order[r, i]] = gradient[r, order[r, i]] - mean
            start = end
