"""Pareto front of (score, FLOPs) and the choice of parents (AutoGO spec 5.2 with corrections B11,
B12).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def pareto_front(score: Vector, flops: Vector) -> NDArray[np.int64]:
    """Return the indices that no other point beats, by falling score.

    A point is beaten by one with at least its score and at most its FLOPs that is better in one of
    the two; of equal points the first stays.
    """
    order = np.lexsort((np.arange(len(score)), flops, -score))
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(flops[order])[:-1]])
    return order[flops[order] < best_before]


def rank_sum(score: Vector, flops: Vector) -> NDArray[np.int64]:
    """Return ``(n,)`` rank by score (best 0) plus rank by FLOPs (least 0); ties share the better
    rank (spec table 8).
    """
    by_score = np.searchsorted(np.sort(-score), -score)
    by_flops = np.searchsorted(np.sort(flops), flops)
    return (by_score + by_flops).astype(np.int64)


def choose_parents(
    score: Vector, flops: Vector, top_k: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return at most ``top_k`` distinct indices of the scored graphs to mutate next.

    Front members come first: all of them if they are at most m * m with m = floor(sqrt(top_k)),
    else one per cell of an m x m grid over both ranges (half-open cells) and random others.
    Missing parents are filled from the rest of the history by least rank sum, earlier ones first.
    """
    front = pareto_front(score, flops)
    side = math.isqrt(top_k)
    if len(front) > max(side * side, 1):
        front = _spread(front, score, flops, side, top_k, rng)
    front = front[:top_k]
    rest = np.setdiff1d(np.arange(len(score)), front)
    ranks = rank_sum(score, flops)[rest]
    return np.concatenate([front, rest[np.argsort(ranks, kind="stable")][: top_k - len(front)]])


def _spread(
    front: NDArray[np.int64],
    score: Vector,
    flops: Vector,
    side: int,
    top_k: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return ``top_k`` front members: one random member per occupied grid cell, then random
    others.
    """
    cell = _cells(score[front], side) * side + _cells(flops[front], side)
    picked = [int(rng.choice(np.flatnonzero(cell == value))) for value in np.unique(cell)]
    others = np.setdiff1d(np.arange(len(front)), picked)
    extra = rng.choice(others, size=min(top_k - len(picked), len(others)), replace=False)
    return front[np.concatenate([picked, extra]).astype(np.int64)]


def _cells(values: Vector, side: int) -> NDArray[np.int64]:
    """Return the interval (0..side-1) of each value; the largest value belongs to the last
    interval.
    """
    low, width = values.min(), np.ptp(values)
    if width == 0:
        return np.zeros(len(values), dtype=np.int64)
    return np.minimum(((values - low) / width * side).astype(np.int64), side - 1)
