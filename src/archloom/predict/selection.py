"""The best of several predictors that differ in their seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from archloom.errors import DataError
from archloom.predict.kinds import load_predictor
from archloom.predict.predictor import NetworkPredictor

Kind = TypeVar("Kind", bound=NetworkPredictor)


def choose_predictor(paths: Sequence[str | Path], kinds: Sequence[type[Kind]]) -> Kind:
    """Return the predictor, of one of these kinds, with the highest rank correlation on the dev
    graphs.

    The first one wins a draw. Where there are several, its card says under ``metrics.seeds`` how
    far they differ: mean, standard deviation and values of ``dev_srcc`` and of the test ``srcc``
    per family, in the order of ``paths``. Raises ``DataError`` for predictors of different
    training.
    """
    predictors = [load_predictor(path, kinds=kinds) for path in paths]
    cards = [predictor.card for predictor in predictors]
    if len({(card.kind, card.split, repr(card.seen)) for card in cards}) != 1:
        raise DataError(
            f"the predictors {', '.join(map(str, paths))} are of different kinds, splits, "
            "normalisers or vocabularies: train them again."
        )
    dev = [_number(card.metrics.get("dev_srcc")) for card in cards]
    chosen = int(np.argmax(dev))
    best = predictors[chosen]
    if len(predictors) > 1:
        tests = [card.metrics.get("test", {}) for card in cards]
        spread = {
            "chosen": chosen,
            "dev_srcc": _spread(dev),
            "test_srcc": {family: _of_family(tests, family) for family in tests[0]},
        }
        best.note(metrics={**best.card.metrics, "seeds": spread})
    return best


def _of_family(tests: Sequence[Mapping[str, Any]], family: str) -> dict[str, Any]:
    return _spread([_number(test[family]["srcc"]) for test in tests])


def _number(value: float | None) -> float:
    """Return a correlation; one that is undefined counts as the lowest."""
    return -1.0 if value is None or not np.isfinite(value) else float(value)


def _spread(values: Sequence[float]) -> dict[str, Any]:
    """Return mean, sample standard deviation and the values themselves."""
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)),
        "values": list(values),
    }
