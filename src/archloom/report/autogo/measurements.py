"""Measured accuracies of the input and the winners, by graph hash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archloom.data.labels import merge_labels, read_labels
from archloom.errors import DataError
from archloom.report.autogo.verdict import Measured

METRIC = "accuracy"


def read_measurements(paths: Sequence[Path]) -> dict[str, Measured]:
    """Return the accuracies of each graph hash in label tables, ordered by seed.

    Only measured values count; benchmark values and pseudo-labels are left out. Raises
    ``DataError`` when networks were trained with different recipes: their accuracies do not
    compare.
    """
    labels = [
        label
        for label in merge_labels([read_labels(path) for path in paths])
        if label.provenance == "measured" and label.metric == METRIC
    ]
    recipes = sorted({label.recipe for label in labels})
    if len(recipes) > 1:
        raise DataError(
            f"{paths[0]}: accuracies of several recipes are mixed ({', '.join(recipes)}): train "
            "the front again with one."
        )
    found: dict[str, list[float]] = {}
    for label in labels:  # merged labels are sorted, by seed within a graph
        found.setdefault(label.graph, []).append(label.value)
    return {graph: Measured(tuple(values)) for graph, values in found.items()}
