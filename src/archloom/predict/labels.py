"""What predictors learn: labels of graphs, and the scales that they are brought to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from archloom.errors import DataError
from archloom.graph import Graph
from archloom.predict.metrics import spearman


@dataclass(frozen=True)
class LabelledGraphs:
    """Graphs with one accuracy each, a fraction in [0, 1]; ``DataError`` for unusable labels."""

    graphs: Sequence[Graph]
    labels: ArrayLike

    def __post_init__(self) -> None:
        values = np.asarray(self.labels, dtype=np.float64)
        if values.shape != (len(self.graphs),) or not len(values):
            raise DataError(
                f"{len(self.graphs)} graphs have labels of shape {values.shape}: give one number "
                "per graph, and at least one graph."
            )
        if not np.isfinite(values).all():
            raise DataError("a label is not finite: leave out graphs without a measured accuracy.")
        object.__setattr__(self, "labels", values)

    @property
    def families(self) -> NDArray[np.str_]:
        """(G,) family of each graph."""
        return np.array([graph.family for graph in self.graphs], dtype=np.str_)


@dataclass(frozen=True)
class LabelScale:
    """Mean and population standard deviation of the training labels, per group of graphs."""

    table: dict[str, dict[str, float]]

    @classmethod
    def of(
        cls, labels: NDArray[np.float64], groups: NDArray[np.str_], weights: NDArray[np.integer]
    ) -> LabelScale:
        """Measure it; ``weights`` (G,) tells how often each label counts."""
        table = {}
        for group in np.unique(groups):
            inside = groups == group
            mean = np.average(labels[inside], weights=weights[inside])
            variance = np.average((labels[inside] - mean) ** 2, weights=weights[inside])
            std = float(np.sqrt(variance)) or 1.0
            table[str(group)] = {"mean": float(mean), "std": std}
        return cls(table)

    def scaled(self, labels: NDArray[np.float64], groups: NDArray[np.str_]) -> NDArray[np.float32]:
        """Return z-scored labels (G,)."""
        mean, std = (np.array([self.table[g][key] for g in groups]) for key in ("mean", "std"))
        return ((labels - mean) / std).astype(np.float32)


def standardised(values: NDArray[np.float64]) -> tuple[Tensor, NDArray[np.float32]]:
    """Return mean and standard deviation (2,) of labels (G,), and what they make of the labels;
    without variation the deviation counts as 1.
    """
    mean, std = float(values.mean()), float(values.std()) or 1.0
    return torch.tensor([mean, std]), ((values - mean) / std).astype(np.float32)


def mean_over_families(predicted: NDArray[np.floating], data: LabelledGraphs) -> float:
    """Return Spearman's rank correlation of predictions (G,) within each family, averaged; NaN
    where none has one.
    """
    labels, families = np.asarray(data.labels), data.families
    scores = [
        spearman(predicted[families == family], labels[families == family])
        for family in np.unique(families)
        if (families == family).sum() > 1
    ]
    defined = [score for score in scores if not np.isnan(score)]
    return float(np.mean(defined)) if defined else float("nan")
