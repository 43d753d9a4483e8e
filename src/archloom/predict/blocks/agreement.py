"""Rankings of units by predictors of several seeds: how far they agree, and their mean.

What one predictor says of a single unit may be chance of its seed; what several say alike is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np

from archloom.errors import DataError
from archloom.predict.blocks.scores import ScoredUnits
from archloom.predict.metrics import spearman

_WELL, _PARTLY = 0.8, 0.5


@dataclass(frozen=True)
class UnitAgreement:
    """How far rankings of one unit agree, as means over all pairs of rankings.

    unit     : which, from 1
    spearman : rank correlation of the scores, in [-1, 1]
    overlap  : share of the ``k`` best that two rankings have in common, in [0, 1]
    chance   : that share of two random rankings
    """

    unit: int
    rankings: int
    spearman: float
    k: int
    overlap: float
    chance: float

    def in_words(self) -> str:
        """Return one sentence for people."""
        if self.spearman >= _WELL:
            verdict = "the seeds agree"
        elif self.spearman >= _PARTLY:
            verdict = "the seeds agree in part: believe groups of units, not single ones"
        else:
            verdict = "the seeds disagree: do not believe this unit's ranking"
        return (
            f"unit {self.unit}: {verdict} (mean rank correlation {self.spearman:.2f}; of the best "
            f"{self.k}, {self.overlap:.0%} are shared, by chance {self.chance:.1%})"
        )

    def to_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


def agreement(rankings: Sequence[ScoredUnits], k: int = 50) -> list[UnitAgreement]:
    """Return the agreement at each unit of two or more rankings of the same units.

    k : how many of the best are compared, at most a third of all. Raises ``DataError`` for fewer
        rankings.
    """
    scores = _scores(rankings)
    if len(rankings) < 2:
        raise DataError("one ranking has nothing to agree with: give two seeds or more.")
    found = []
    units = rankings[0].units.unit
    for unit in range(int(units.max()) + 1):
        inside = scores[:, units == unit]
        n = inside.shape[1]
        kept = min(k, max(1, n // 3))
        best = [set(np.argsort(-row, kind="stable")[:kept].tolist()) for row in inside]
        pairs = list(combinations(range(len(rankings)), 2))
        correlation = np.mean([spearman(inside[i], inside[j]) for i, j in pairs])
        shared = np.mean([len(best[i] & best[j]) / kept for i, j in pairs])
        found.append(
            UnitAgreement(
                unit + 1, len(rankings), float(correlation), kept, float(shared), kept / n
            )
        )
    return found


def mean_ranking(rankings: Sequence[ScoredUnits]) -> ScoredUnits:
    """Return the units with the mean of their scores and, as ``spread``, the standard deviation
    (n - 1) of it over the rankings; norms of different predictors do not compare, their mean stands
    in the table all the same. One ranking is returned as it is.
    """
    scores = _scores(rankings)
    if len(rankings) == 1:
        return rankings[0]
    norm = np.mean([one.norm for one in rankings], axis=0)
    return replace(
        rankings[0], norm=norm, score=scores.mean(axis=0), spread=scores.std(axis=0, ddof=1)
    )


def _scores(rankings: Sequence[ScoredUnits]) -> np.ndarray:
    """Return (rankings, U) scores; raises ``DataError`` for rankings of different things."""
    if len({(one.family, one.target, len(one)) for one in rankings}) != 1:
        raise DataError("rankings of different families or targets do not compare: give one kind.")
    return np.stack([one.score for one in rankings])
