"""The whole-graph predictor: AutoGO's GNN, GENNAPE's baseline (AutoGO spec 4.4, GENNAPE spec 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.graph import Graph
from archloom.predict.gnn.network import N_LAYERS, Network
from archloom.predict.metrics import evaluate
from archloom.predict.nodes.classes import Classes, ClassStore, Ids, select
from archloom.predict.nodes.pooling import part_means
from archloom.predict.nodes.union import FeaturesOf, IntArray, flatten, pointers, ranges, whole
from archloom.predict.predictor import (
    LabelledGraphs,
    LabelScale,
    NetworkPredictor,
    chunks,
    digest_of,
    mean_over_families,
)
from archloom.predict.resume import Progress
from archloom.predict.training import EpochRecord, TrainingSettings
from archloom.views.features import Normalisers, node_features

GRAPHS_PER_CHUNK = 64
"""Graphs that are laid out at once; bounds memory, has no influence on results."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Classes of the nodes of parts: entries (E,), ptr (Q + 1,)."""

    entries: Ids
    ptr: IntArray

    def take(self, rows: NDArray[np.integer]) -> Parts:
        """Return the given parts, in that order."""
        lengths = np.diff(self.ptr)[rows]
        return Parts(self.entries[ranges(self.ptr[rows], lengths)], pointers(lengths))

    def selected(self, classes: Classes) -> tuple[Classes, Parts]:
        """Return only those of ``classes`` that these parts need, and the parts' new ids."""
        needed, number = select(classes, self.entries)
        return needed, Parts(number[self.entries], self.ptr)


def add_whole(
    store: ClassStore, graphs: Sequence[Graph], features_of: FeaturesOf = node_features
) -> Parts:
    """Add whole graphs to ``store``, with the feature rows of a view; one part each."""
    entries, lengths = [], []
    for chunk in chunks(graphs, GRAPHS_PER_CHUNK):
        flat = flatten(chunk, features_of=features_of)
        union = whole(flat, bridge=False)
        entries.append(store.add(flat, union))
        lengths.append(union.sizes)
    return Parts(np.concatenate(entries), pointers(np.concatenate(lengths)))


class GNN(NetworkPredictor):
    """Predicts the accuracy of a network from its whole graph."""

    kind = "gnn"

    def fit(
        self,
        data: LabelledGraphs,
        dev: LabelledGraphs,
        settings: TrainingSettings | None = None,
        *,
        checkpoint: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        device: str = "cpu",
    ) -> Progress:
        """Train on ``data``, select by rank correlation on ``dev``; outputs become accuracies."""
        settings = settings or TrainingSettings()
        labels = np.asarray(data.labels)
        one_group = np.full(len(labels), "all")
        scale = LabelScale.of(labels, one_group, np.ones(len(labels), dtype=np.int64))
        scaled = scale.scaled(labels, one_group)
        task = _WholeGraphs(data, dev, scaled, settings.batch_size, self.normalisers)
        return self._train(task, data.graphs, scale, settings, checkpoint, on_epoch, device)

    def predict(
        self, graphs: Sequence[Graph], normalisers: Normalisers | None = None
    ) -> NDArray[np.float64]:
        """Return ``(len(graphs),)`` predictions in input order.

        normalisers : others than the card's, only to compare with the reference's legacy values
        """
        scores: list[NDArray[np.float64]] = [np.empty(0)]
        for chunk in chunks(graphs, GRAPHS_PER_CHUNK):
            store = ClassStore(N_LAYERS)
            parts = add_whole(store, chunk)
            scores.append(
                _scores(self.network, store.frozen(), parts, normalisers or self.normalisers)
            )
        return np.concatenate(scores)

    def evaluate(self, data: LabelledGraphs) -> dict[str, float]:
        """Return the metrics of ``archloom.predict.metrics.evaluate`` on ``data``."""
        return evaluate(self.predict(data.graphs), data.labels)


class _WholeGraphs:
    """Training task of the GNN."""

    def __init__(
        self,
        data: LabelledGraphs,
        dev: LabelledGraphs,
        scaled: NDArray[np.float32],
        batch_size: int,
        normalisers: Normalisers,
    ) -> None:
        store = ClassStore(N_LAYERS)
        self.parts, self.dev_parts = add_whole(store, data.graphs), add_whole(store, dev.graphs)
        self.classes = store.frozen()
        self.dev, self.labels = dev, scaled
        self.batch_size, self.normalisers = batch_size, normalisers
        self.digest = digest_of(
            self.classes.features,
            *(level.index for level in self.classes.levels),
            self.parts.entries,
            self.parts.ptr,
            self.dev_parts.entries,
            scaled,
            np.asarray(dev.labels),
        )

    def steps(self, network: Network, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield predictions and labels, graphs in random order."""
        for rows in chunks(rng.permutation(len(self.labels)), self.batch_size):
            classes, parts = self.parts.take(rows).selected(self.classes)
            encoded = network.encode(classes, self.normalisers)
            predicted = network.head()(part_means(encoded, parts.entries, parts.ptr))
            yield predicted, torch.from_numpy(self.labels[rows]).to(predicted.device)

    def dev_srcc(self, network: Network) -> float:
        """Return the rank correlation on the dev graphs."""
        classes, parts = self.dev_parts.selected(self.classes)
        predicted = _scores(network, classes, parts, self.normalisers)
        return mean_over_families(predicted, self.dev)


def _scores(
    network: Network, classes: Classes, parts: Parts, normalisers: Normalisers
) -> NDArray[np.float64]:
    """Return one prediction per part."""
    with torch.no_grad():
        encoded = network.encode(classes, normalisers)
        means = part_means(encoded, parts.entries, parts.ptr)
        return network.head()(means).double().cpu().numpy()
