"""Pareto front over any number of objectives and the choice of parents (AutoGO spec 5.2 with
corrections B11, B12).

``values`` is (n, k): k objectives of n graphs; ``maximise`` (k,) tells which of them are better
when they are larger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]


def pareto_front(values: Matrix, maximise: Flags) -> NDArray[np.int64]:
    """Return the indices (f,) that no other point beats, best in the first objective first.

    A point is beaten by one that is at least as good in every objective and better in one; of equal
    points the first stays.
    """
    loss = np.where(maximise, -values, values)
    rest = np.lexsort(loss.T[::-1])  # whoever beats a point stands before it
    front = []
    while len(rest):
        best = rest[0]
        front.append(best)
        rest = rest[(loss[rest] < loss[best]).any(axis=1)]
    return np.array(front, dtype=np.int64)


def successive_fronts(values: Matrix, maximise: Flags, count: int) -> NDArray[np.int64]:
    """Return the indices (f,) of the front, then of that of the rest, and so on, ``count`` times.

    Of equal points all but the first are left out.
    """
    _, rest = np.unique(values, axis=0, return_index=True)
    rest.sort()
    found = []
    for _ in range(count):
        front = rest[pareto_front(values[rest], maximise)] if len(rest) else rest
        found.append(front)
        rest = np.setdiff1d(rest, front)
    return np.concatenate(found)


def hypervolume(values: Matrix, maximise: Flags, worst: NDArray[np.float64]) -> float:
    """Return the area that the points of two objectives beat and that is better than ``worst``
    (2,), in the product of their units.
    """
    sign = np.where(maximise, 1.0, -1.0)
    gain = np.asarray((values - worst) * sign, dtype=np.float64)
    inside = gain[(gain > 0).all(axis=1)]
    if not len(inside):
        return 0.0
    first, second = inside[pareto_front(inside, np.array([True, True]))].T  # first falls
    return float(((first - np.append(first[1:], 0)) * second).sum())


def rank_sum(values: Matrix, maximise: Flags) -> NDArray[np.int64]:
    """Return ``(n,)`` the sum of the ranks by each objective (best 0); ties share the better rank
    (spec table 8).
    """
    loss = np.where(maximise, -values, values)
    ranks = [np.searchsorted(np.sort(column), column) for column in loss.T]
    return np.sum(ranks, axis=0).astype(np.int64)


def choose_parents(
    values: Matrix, maximise: Flags, top_k: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the distinct indices (p,), p <= ``top_k``, of the scored graphs to mutate next.

    Front members come first: all of them if they are at most m ** k, the largest such power not
    above top_k; else one per cell of a grid with m intervals over the range of each objective
    (half-open cells) and random others. Missing parents are filled from the rest of the history by
    least rank sum, earlier ones first.
    """
    front = pareto_front(values, maximise)
    side = _side(top_k, values.shape[1])
    if len(front) > side ** values.shape[1]:
        front = _spread(front, values[front], side, top_k, rng)
    front = front[:top_k]
    rest = np.setdiff1d(np.arange(len(values)), front)
    ranks = rank_sum(values, maximise)[rest]
    return np.concatenate([front, rest[np.argsort(ranks, kind="stable")][: top_k - len(front)]])


def _side(top_k: int, dimensions: int) -> int:
    """Return the largest m with m ** dimensions <= top_k."""
    side = 1
    while (side + 1) ** dimensions <= top_k:
        side += 1
    return side


def _spread(
    front: NDArray[np.int64], values: Matrix, side: int, top_k: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return ``top_k`` front members: one random member per occupied grid cell, then random
    others.
    """
    cell = np.zeros(len(front), dtype=np.int64)
    for column in values.T:
        cell = cell * side + _cells(column, side)
    picked = [int(rng.choice(np.flatnonzero(cell == value))) for value in np.unique(cell)]
    others = np.setdiff1d(np.arange(len(front)), picked)
    extra = rng.choice(others, size=min(top_k - len(picked), len(others)), replace=False)
    return front[np.concatenate([picked, extra]).astype(np.int64)]


def _cells(values: NDArray[np.float64], side: int) -> NDArray[np.int64]:
    """Return the interval (0..side-1) of each value; the largest value belongs to the last
    interval.
    """
    low, width = values.min(), np.ptp(values)
    if width == 0:
        return np.zeros(len(values), dtype=np.int64)
    return np.minimum(((values - low) / width * side).astype(np.int64), side - 1)
