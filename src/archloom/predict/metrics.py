"""Quality of predictions (AutoGO spec 4.5): rank correlation, errors, overlap of the best."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archloom.errors import DataError

TOP_K = (5, 10, 25, 50)


class FoldScores(TypedDict):
    """Rank correlation over test folds."""

    folds: int
    mean: float
    std: float
    min: float
    max: float


def spearman(predicted: ArrayLike, measured: ArrayLike) -> float:
    """Return Spearman's rank correlation, in [-1, 1]; NaN where one side is constant.

    predicted, measured : (N,), N >= 2, else ``DataError``
    """
    ranks_x, ranks_y = (_centred_ranks(values) for values in _pair(predicted, measured))
    norm = float(np.sqrt((ranks_x @ ranks_x) * (ranks_y @ ranks_y)))
    return float(ranks_x @ ranks_y) / norm if norm else float("nan")


def top_overlap(predicted: ArrayLike, measured: ArrayLike, k: int) -> float:
    """Return the share of the k best by measurement among the k best by prediction.

    Both take the first of equal values; k is at most N.
    """
    x, y = _pair(predicted, measured)
    k = min(k, len(x))
    best_x, best_y = (np.argsort(-values, kind="stable")[:k] for values in (x, y))
    return len(np.intersect1d(best_x, best_y)) / k


def evaluate(predicted: ArrayLike, measured: ArrayLike) -> dict[str, float]:
    """Return srcc, mse, mae, mape (a fraction) and top5, top10, top25, top50 overlaps."""
    x, y = _pair(predicted, measured)
    error = x - y
    scores = {
        "srcc": spearman(x, y),
        "mse": float(np.mean(error**2)),
        "mae": float(np.mean(np.abs(error))),
        "mape": float(np.mean(np.abs(error) / np.maximum(np.abs(y), 1e-12))),
    }
    return scores | {f"top{k}": top_overlap(x, y, k) for k in TOP_K}


def n_folds(counts: NDArray[np.integer]) -> int:
    """Return the number of test folds for graphs of instance counts (G,) (AutoGO spec 4.5)."""
    return int(max(min(10, counts.max()), counts.min()))


def fold_spearman(
    predicted: NDArray[np.floating], counts: NDArray[np.integer], measured: NDArray[np.floating]
) -> FoldScores:
    """Return the rank correlation over folds: fold f takes instance f mod n of every graph.

    predicted : (I,) prediction per instance, graphs one after the other
    counts    : (G,) instances per graph, at least 1; measured : (G,) label per graph
    """
    first = np.cumsum(counts) - counts
    scores = [
        spearman(predicted[first + fold % counts], measured) for fold in range(n_folds(counts))
    ]
    return {
        "folds": len(scores),
        "mean": float(np.mean(scores)),
        "std": float(np.std(scores)),
        "min": float(np.min(scores)),
        "max": float(np.max(scores)),
    }


def _centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks with mean 0; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return middle[place] - (len(values) + 1) / 2


def _pair(
    predicted: ArrayLike, measured: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as float64 vectors; raises ``DataError`` unless they are comparable."""
    x, y = np.asarray(predicted, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 2:
        raise DataError(
            f"predictions of shape {x.shape} cannot be compared with labels of shape {y.shape}: "
            "give two vectors of one length, at least 2."
        )
    return x, y
