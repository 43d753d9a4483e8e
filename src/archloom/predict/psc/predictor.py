"""The predecessor-segment-successor predictor (AutoGO spec 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.errors import ConfigError, GraphError
from archloom.graph import Graph, autogo_order
from archloom.predict.card import Card
from archloom.predict.gnn.network import (
    N_LAYERS,
    WIDTH,
    GraphPredictor,
    Network,
    TrainingSettings,
)
from archloom.predict.labels import LabelledGraphs
from archloom.predict.metrics import evaluate, fold_spearman
from archloom.predict.nodes.classes import Classes, ClassStore
from archloom.predict.nodes.pooling import part_means
from archloom.predict.nodes.union import flatten, whole
from archloom.predict.psc.instances import Instances, Segmenter, add_instances, joined
from archloom.predict.psc.task import GraphInstances, scores
from archloom.shards import chunks
from archloom.train.loop import OnEpoch, Progress
from archloom.views.features import Normalisers
from archloom.views.instances import group_instances

GRAPHS_PER_CHUNK = 32
"""Graphs that are laid out at once; bounds memory, has no influence on results."""


class PSC(GraphPredictor):
    """Predicts from a graph cut into predecessor, segment and successor.

    ``segment`` cuts a graph into groups: ``Tokeniser(vocabulary).segment`` with the whole
    vocabulary, or ``archloom.segments.psc_index.segment_with`` for graphs cut before. It is needed
    to fit and to predict whole graphs, not to score instances.
    """

    kind = "psc"
    width = 3 * WIDTH
    published_target = "z-score"

    def __init__(
        self,
        network: Network | None = None,
        card: Card | None = None,
        *,
        normalisers: Normalisers | None = None,
        segment: Segmenter | None = None,
    ) -> None:
        super().__init__(network, card, normalisers=normalisers)
        self.segment = segment

    @classmethod
    def load(cls, path: str | Path, *, segment: Segmenter | None = None) -> Self:
        """Read a PSC predictor; raises ``DataError`` or ``FormatError``."""
        predictor = super().load(path)
        predictor.segment = segment
        return predictor

    def fit(
        self,
        data: LabelledGraphs,
        dev: LabelledGraphs,
        settings: TrainingSettings | None = None,
        *,
        checkpoint: str | Path | None = None,
        on_epoch: OnEpoch | None = None,
        device: str = "cpu",
    ) -> Progress:
        """Train on the instances of ``data``, select by rank correlation on those of ``dev``.

        Labels are z-scored per family, each graph counting as often as it has instances. With one
        family the outputs become accuracies, with several they stay z-scores.

        checkpoint : file that keeps the state of every epoch; training goes on from it
        device     : cpu, cuda or auto; afterwards the predictor is on the CPU

        Raises ``TrainingError`` when loss or weights are not finite any more, and for a checkpoint
        that cannot be continued.
        """
        settings, store = settings or TrainingSettings(), ClassStore(N_LAYERS)
        instances, dev_instances = (self.index(store, one.graphs) for one in (data, dev))
        network = self._new_network(settings, device)
        task = GraphInstances(
            network,
            store.frozen(),
            (data, instances),
            (dev, dev_instances),
            settings,
            self.normalisers,
        )
        return self._fit(task, network, data.graphs, task.scale, settings, checkpoint, on_epoch)

    def predict(
        self, graphs: Sequence[Graph], normalisers: Normalisers | None = None
    ) -> NDArray[np.float64]:
        """Return ``(len(graphs),)``: the mean prediction over all instances of each graph.

        normalisers : others than the card's, only to compare with the reference's legacy values
        """
        found: list[NDArray[np.float64]] = [np.empty(0)]
        for chunk in chunks(graphs, GRAPHS_PER_CHUNK):
            predicted, counts = self._predict_chunk(chunk, normalisers)
            graph = np.repeat(np.arange(len(chunk)), counts)
            found.append(np.bincount(graph, predicted, minlength=len(chunk)) / counts)
        return np.concatenate(found)

    def predict_instances(
        self,
        graph: Graph,
        starts: NDArray[np.integer],
        order: NDArray[np.integer] | None = None,
        normalisers: Normalisers | None = None,
    ) -> NDArray[np.float64]:
        """Return ``(i,)`` predictions of the instances of one graph.

        starts : first position of each group, then n; instances are ``group_instances(starts)``
        order  : node index at each position, AutoGO's vocabulary order when left out
        """
        order = autogo_order(graph) if order is None else order
        store = ClassStore(N_LAYERS)
        instances = add_instances(store, [graph], [order], [group_instances(starts)])
        return scores(self.network, store.frozen(), instances, normalisers or self.normalisers)

    def evaluate(self, data: LabelledGraphs) -> dict[str, Any]:
        """Return the metrics of the mean per graph, and ``folds``, the reference's test protocol.

        Both compare with the labels as they are; rank correlations are the same for z-scores.
        """
        predicted, counts, means = [], [], []
        for chunk in chunks(data.graphs, GRAPHS_PER_CHUNK):
            found, n_instances = self._predict_chunk(chunk, None)
            predicted.append(found)
            counts.append(n_instances)
            means.append(np.add.reduceat(found, np.cumsum(n_instances) - n_instances) / n_instances)
        folds = fold_spearman(
            np.concatenate(predicted), np.concatenate(counts), np.asarray(data.labels)
        )
        return evaluate(np.concatenate(means), data.labels) | {"folds": folds}

    def segment_embeddings(self, segments: Sequence[Graph]) -> NDArray[np.float32]:
        """Return ``(k, 32)`` embeddings of k stand-alone segments.

        They depend on the segment alone, so those of a database can be kept and scored anywhere
        with ``PscScorer.score_embeddings``.
        """
        if not segments:
            return np.empty((0, self.network.width // 3), dtype=np.float32)
        flat = flatten(segments)
        union = whole(flat, bridge=True)
        with torch.no_grad():
            nodes = self.network.encode(Classes.unshared(flat, union, N_LAYERS), self.normalisers)
            return part_means(nodes, np.arange(len(nodes)), union.part_ptr).numpy()

    def index(self, store: ClassStore, graphs: Sequence[Graph]) -> Instances:
        """Cut graphs with ``segment`` and add their instances to ``store``.

        Raises ``ConfigError`` without a segmenter and ``GraphError`` for a graph with no instance.
        """
        parts = []
        for chunk in chunks(graphs, GRAPHS_PER_CHUNK):
            orders, bounds = zip(*map(self._cut, chunk), strict=True)
            parts.append(add_instances(store, chunk, orders, bounds))
        return joined(parts)

    def _cut(self, graph: Graph) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the order and the instances of a graph."""
        if self.segment is None:
            raise ConfigError(
                "this PSC predictor does not know how to cut graphs: pass segment=, for example "
                "Tokeniser(vocabulary).segment."
            )
        cut = self.segment(graph)
        bounds = group_instances(cut.starts)
        if not len(bounds):
            raise GraphError(
                f"{graph!r} has no instance: it is too small for predecessor, segment and "
                "successor, leave it out."
            )
        return cut.order, bounds

    def _predict_chunk(
        self, graphs: Sequence[Graph], normalisers: Normalisers | None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return predictions of all instances of some graphs, and how many each graph has."""
        store = ClassStore(N_LAYERS)
        instances = self.index(store, graphs)
        normalisers = normalisers or self.normalisers
        return scores(self.network, store.frozen(), instances, normalisers), instances.counts
