"""Labels that are not measured here: published benchmark accuracies and pseudo-labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from archloom.data.labels import Label
from archloom.errors import DataError
from archloom.graph import Graph
from archloom.parquet import read_parquet

NO_SEED = -1


def benchmark_labels(graphs: Iterable[Graph], table: str | Path, column: str) -> list[Label]:
    """Return the NAS-Bench-201 accuracy of every graph, as fractions.

    table  : the benchmark's ``accuracy.parquet``, accuracies in percent by cell string
    column : which of its accuracies, such as ``cifar10_test_acc_200``

    An ``upstream`` graph has the accuracy of its architecture: it is how AutoGO draws the network
    that the benchmark trained. Raises ``DataError`` for a graph that is not of full size, since the
    accuracy there says nothing about it, and ``FormatError`` for a damaged table.
    """
    known = read_parquet(table, "fetch it again", ["arch_str", column]).to_pydict()
    percent = dict(zip(known["arch_str"], known[column], strict=True))
    labels = []
    for graph in graphs:
        cell = graph.name.removesuffix("@upstream")
        if cell not in percent:
            raise DataError(
                f"graph {graph.name!r} is no network of NAS-Bench-201 as published: use the full "
                "skeleton, or the label source trained."
            )
        labels.append(_label(graph, "benchmark", column, percent[cell] / 100))
    return labels


def pseudo_labels(graphs: Sequence[Graph], scores: ArrayLike, predictor: str) -> list[Label]:
    """Return the scores (N,) of N graphs, accuracies as fractions, as labels of the predictor of
    that name; ``DataError`` for another number of them and for one that is not finite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (len(graphs),) or not np.isfinite(values).all():
        raise DataError(f"{predictor} did not give one finite score per graph.")
    return [
        _label(graph, "pseudo", predictor, value)
        for graph, value in zip(graphs, values.tolist(), strict=True)
    ]


def _label(graph: Graph, provenance: str, recipe: str, value: float) -> Label:
    return Label(
        graph=graph.hash,
        metric="accuracy",
        provenance=provenance,
        recipe=recipe,
        seed=NO_SEED,
        value=value,
        unit="fraction",
        name=graph.name,
        family=graph.family,
    )
