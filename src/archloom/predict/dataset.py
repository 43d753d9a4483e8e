"""Training data of a predictor: graphs, labels and splits of several families joined."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archloom.data.expression import parse
from archloom.data.labels import mean_values, read_labels
from archloom.data.splits import PARTS, Split
from archloom.errors import DataError
from archloom.graph import Graph
from archloom.io.store import GraphStore
from archloom.predict.labels import LabelledGraphs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """Labelled graphs for training, for selection and for test.

    split  : digest of the splits; skipped : number of graphs without a label
    """

    train: LabelledGraphs
    dev: LabelledGraphs
    test: LabelledGraphs
    split: str
    skipped: int

    def test_by_family(self) -> dict[str, LabelledGraphs]:
        """Return the test graphs of each family; a family with fewer than two is left out."""
        families, labels = self.test.families, np.asarray(self.test.labels)
        rows = {
            str(name): np.flatnonzero(families == name).tolist() for name in np.unique(families)
        }
        return {
            name: LabelledGraphs([self.test.graphs[row] for row in found], labels[found])
            for name, found in rows.items()
            if len(found) > 1
        }


def load_dataset(
    graphs: Sequence[str | Path], labels: Sequence[str | Path], splits: Sequence[str | Path]
) -> Dataset:
    """Join one graph store, label table and split file per family.

    A graph has the mean of its accuracies over the seeds; graphs without one are counted and left
    out. Raises ``DataError`` when a part gets no graph.
    """
    parts: dict[str, list[tuple[Graph, float]]] = {part: [] for part in PARTS}
    digests, skipped = [], 0
    for store_path, labels_path, split_path in zip(graphs, labels, splits, strict=True):
        accuracy, split = mean_values(read_labels(labels_path)), Split.load(split_path)
        digests.append(split.digest)
        store = {graph.hash: graph for graph in GraphStore(store_path)}
        for part in PARTS:
            wanted = [store[graph_hash] for graph_hash in getattr(split, part)]
            known = [(graph, accuracy[graph.hash]) for graph in wanted if graph.hash in accuracy]
            skipped += len(wanted) - len(known)
            parts[part] += known
    logger.info(
        "dataset train %d dev %d test %d without label %d", *map(len, parts.values()), skipped
    )
    return Dataset(
        **{part: _labelled(rows, part) for part, rows in parts.items()},
        split=hashlib.sha256("".join(digests).encode()).hexdigest()[:16],
        skipped=skipped,
    )


def labelled_graphs(
    graphs: str | Path, labels: str | Path, target: str = "accuracy"
) -> LabelledGraphs:
    """Join a graph store and a label table: the graphs for which an expression over the metrics has
    a finite value (means over the seeds).

    Raises ``ConfigError`` for an unreadable expression, ``DataError`` where no graph is left.
    """
    rows = read_labels(labels)
    metrics = sorted({label.metric for label in rows})
    expression = parse(target, metrics)
    values = {metric: mean_values(rows, metric) for metric in expression.metrics}
    store = list(GraphStore(graphs))
    columns = {
        metric: np.array([found.get(graph.hash, np.nan) for graph in store])
        for metric, found in values.items()
    }
    results = expression(columns)
    kept = np.flatnonzero(np.isfinite(results)).tolist()
    if not kept:
        raise DataError(
            f"{target!r} has a value for none of the {len(store)} graphs of {graphs}: check that "
            f"{labels} is of the same graphs."
        )
    return LabelledGraphs([store[row] for row in kept], results[kept])


def _labelled(rows: Sequence[tuple[Graph, Any]], part: str) -> LabelledGraphs:
    if not rows:
        raise DataError(
            f"no labelled graph is left for {part}: generate more graphs (families.NAME.count), or "
            "check that labels and graphs belong together."
        )
    found, labels = zip(*rows, strict=True)
    return LabelledGraphs(found, labels)
