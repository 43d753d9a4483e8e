"""Are the winners better than the input? An answer that takes the noise of training into account.

Every network was trained with a few seeds. The spread over seeds is taken to be the same for all
of them and pooled, which gives more degrees of freedom than any single network has. A winner is
called better when the confidence interval of its difference to the input lies above zero; the
confidence is shared between the winners (Bonferroni), so that it holds for all statements together.
The interval covers the noise of training seeds, not that of the choice of test images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

import numpy as np

CONFIDENCE = 0.95


class Outcome(StrEnum):
    """How a winner compares with the input."""

    BETTER = "better"
    SAME = "within noise"
    WORSE = "worse"
    UNKNOWN = "noise unknown"


@dataclass(frozen=True)
class Measured:
    """Accuracies of one network, one per training seed, as fractions."""

    values: tuple[float, ...]

    @property
    def n(self) -> int:
        """Number of trainings."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float | None:
        """Standard deviation over seeds (n - 1 in the denominator); None for a single training."""
        return float(np.std(self.values, ddof=1)) if self.n > 1 else None


@dataclass(frozen=True)
class Noise:
    """Pooled standard deviation over seeds, and its degrees of freedom."""

    std: float
    degrees: int


@dataclass(frozen=True)
class Comparison:
    """A winner against the input: difference of mean accuracies and half its interval's width."""

    rank: int
    difference: float
    half_width: float | None
    outcome: Outcome


def pooled_noise(measured: Iterable[Measured]) -> Noise | None:
    """Return the noise over all networks with at least two trainings, None without any."""
    squares, degrees = 0.0, 0
    for entry in measured:
        if entry.std is not None:
            squares += (entry.n - 1) * entry.std**2
            degrees += entry.n - 1
    return Noise(sqrt(squares / degrees), degrees) if degrees else None


def compare_with_input(
    baseline: Measured,
    winners: Mapping[int, Measured],
    *,
    confidence: float = CONFIDENCE,
) -> list[Comparison]:
    """Compare each winner (by rank) with the input, at a confidence that holds for all together.

    The outcome is UNKNOWN when there are no repeated trainings, or when they do not differ at all
    (a noise of zero is an artefact of a test set that is too small or too easy).
    """
    noise = pooled_noise([baseline, *winners.values()])
    return [
        _compare(rank, baseline, winner, noise, 1 - (1 - confidence) / (2 * len(winners)))
        for rank, winner in sorted(winners.items())
    ]


def _compare(
    rank: int, baseline: Measured, winner: Measured, noise: Noise | None, quantile: float
) -> Comparison:
    from scipy.special import stdtrit

    difference = winner.mean - baseline.mean
    if noise is None or noise.std == 0:
        return Comparison(rank, difference, None, Outcome.UNKNOWN)
    error = noise.std * sqrt(1 / baseline.n + 1 / winner.n)
    half = float(stdtrit(noise.degrees, quantile)) * error
    if difference > half:
        outcome = Outcome.BETTER
    else:
        outcome = Outcome.WORSE if difference < -half else Outcome.SAME
    return Comparison(rank, difference, half, outcome)
