"""The predecessor-segment-successor predictor (AutoGO spec 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.errors import ConfigError, DataError, GraphError
from archloom.graph import Graph, autogo_order
from archloom.predict.card import Card
from archloom.predict.gnn.network import N_LAYERS, Network
from archloom.predict.metrics import evaluate, fold_spearman
from archloom.predict.nodes.classes import Classes, ClassStore
from archloom.predict.nodes.pooling import instance_means, part_means
from archloom.predict.nodes.union import flatten, whole
from archloom.predict.predictor import (
    LabelledGraphs,
    LabelScale,
    NetworkPredictor,
    chunks,
    digest_of,
    mean_over_families,
)
from archloom.predict.psc.instances import (
    Instances,
    Segmenter,
    add_instances,
    joined,
)
from archloom.predict.resume import Progress
from archloom.predict.training import EpochRecord, TrainingSettings
from archloom.views.features import Normalisers
from archloom.views.instances import group_instances

GRAPHS_PER_CHUNK = 32
"""Graphs that are laid out at once; bounds memory, has no influence on results."""
_DEV_FOLDS = 10


class PSC(NetworkPredictor):
    """Predicts from a graph cut into predecessor, segment and successor.

    ``segment`` cuts a graph into groups: ``Tokeniser(vocabulary).segment`` with the whole
    vocabulary, or ``archloom.segments.psc_index.segment_with`` for graphs cut before. It is needed
    to fit and to predict whole graphs, not to score instances.
    """

    kind = "psc"

    def __init__(
        self,
        network: Network | None = None,
        card: Card | None = None,
        *,
        segment: Segmenter | None = None,
    ) -> None:
        super().__init__(network, card)
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
        on_epoch: Callable[[EpochRecord], None] | None = None,
        device: str = "cpu",
    ) -> Progress:
        """Train on the instances of ``data``, select by rank correlation on those of ``dev``.

        Labels are z-scored per family, each graph counting as often as it has instances. With one
        family the outputs become accuracies, with several they stay z-scores.
        """
        settings = settings or TrainingSettings()
        task = _InstanceTask(self, data, dev, settings)
        return self._train(task, data.graphs, task.scale, settings, checkpoint, on_epoch, device)

    def predict(
        self, graphs: Sequence[Graph], normalisers: Normalisers | None = None
    ) -> NDArray[np.float64]:
        """Return ``(len(graphs),)``: the mean prediction over all instances of each graph.

        normalisers : others than the card's, only to compare with the reference's legacy values
        """
        scores: list[NDArray[np.float64]] = [np.empty(0)]
        for chunk in chunks(graphs, GRAPHS_PER_CHUNK):
            predicted, counts = self._predict_chunk(chunk, normalisers)
            graph = np.repeat(np.arange(len(chunk)), counts)
            scores.append(np.bincount(graph, predicted, minlength=len(chunk)) / counts)
        return np.concatenate(scores)

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
        return _scores(self.network, store.frozen(), instances, normalisers or self.normalisers)

    def evaluate(self, data: LabelledGraphs) -> dict[str, Any]:
        """Return the metrics of the mean per graph, and ``folds``, the reference's test protocol.

        Both compare with the labels as they are; rank correlations are the same for z-scores.
        """
        predicted, counts, means = [], [], []
        for chunk in chunks(data.graphs, GRAPHS_PER_CHUNK):
            scores, n_instances = self._predict_chunk(chunk, None)
            predicted.append(scores)
            counts.append(n_instances)
            means.append(
                np.add.reduceat(scores, np.cumsum(n_instances) - n_instances) / n_instances
            )
        folds = fold_spearman(
            np.concatenate(predicted), np.concatenate(counts), np.asarray(data.labels)
        )
        return evaluate(np.concatenate(means), data.labels) | {"folds": folds}

    def segment_embeddings(self, segments: Sequence[Graph]) -> NDArray[np.float32]:
        """Return ``(len(segments), 32)`` embeddings of stand-alone segments.

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
        return _scores(self.network, store.frozen(), instances, normalisers), instances.counts


class _InstanceTask:
    """Training task of the PSC predictor."""

    def __init__(
        self,
        predictor: PSC,
        data: LabelledGraphs,
        dev: LabelledGraphs,
        settings: TrainingSettings,
    ) -> None:
        store = ClassStore(N_LAYERS)
        self.instances = predictor.index(store, data.graphs)
        dev_instances = predictor.index(store, dev.graphs)
        self.dev_instances = dev_instances.take(_spread(dev_instances.counts, _DEV_FOLDS))
        self.classes = store.frozen()
        self.dev, self.settings, self.normalisers = dev, settings, predictor.normalisers
        labels, families = np.asarray(data.labels), data.families
        self.scale = LabelScale.of(labels, families, self.instances.counts)
        self.labels = self.scale.scaled(labels, families)
        unknown = set(dev.families) - set(families)
        if unknown:
            raise DataError(f"dev graphs are of families that are not trained on: {unknown}.")
        self.digest = digest_of(
            self.classes.features,
            *(level.index for level in self.classes.levels),
            self.instances.entries,
            self.instances.graph,
            self.dev_instances.entries,
            self.labels,
            np.asarray(dev.labels),
        )

    def steps(self, network: Network, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield predictions and labels of batches of instances.

        The epoch goes through the graphs in rounds, each with a few instances of every graph, so
        that a batch holds many different labels.
        """
        for rows in chunks(self._schedule(rng), self.settings.batch_size):
            rows = np.sort(rows)
            part = self.instances.take(rows)
            classes, part = part.selected(self.classes)
            encoded = network.encode(classes, self.normalisers)
            wanted = torch.from_numpy(self.labels[self.instances.graph[rows]])
            yield network.head()(instance_means(encoded, part)), wanted.to(encoded.device)

    def _schedule(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the instances of one epoch, in the order of training."""
        counts, graph = self.instances.counts, self.instances.graph
        shuffled = np.lexsort((rng.random(len(graph)), graph))
        rank = np.arange(len(graph)) - np.repeat(np.cumsum(counts) - counts, counts)
        wanted = np.maximum(1, np.rint(self.settings.instance_fraction * counts))
        kept = rank < wanted[graph]
        rounds = rank // self.settings.instances_per_graph
        place = rng.random((len(counts), rounds.max() + 1))[graph, rounds]
        order = np.lexsort((place[kept], rounds[kept]))
        return shuffled[kept][order]

    def dev_srcc(self, network: Network) -> float:
        """Return the rank correlation of single dev instances, averaged over up to 10 folds."""
        classes, part = self.dev_instances.selected(self.classes)
        predicted = _scores(network, classes, part, self.normalisers)
        first = np.cumsum(part.counts) - part.counts
        folds = range(part.counts.max())
        scores = [
            mean_over_families(predicted[first + fold % part.counts], self.dev) for fold in folds
        ]
        return float(np.mean(scores))


def _spread(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most ``most`` instances of every graph, evenly spread."""
    first = np.cumsum(counts) - counts
    taken = np.minimum(counts, most)
    return np.concatenate(
        [at + np.arange(n) * count // n for at, n, count in zip(first, taken, counts, strict=True)]
    )


def _scores(
    network: Network, classes: Classes, instances: Instances, normalisers: Normalisers
) -> NDArray[np.float64]:
    """Return one prediction per instance."""
    with torch.no_grad():
        means = instance_means(network.encode(classes, normalisers), instances)
        return network.head()(means).double().cpu().numpy()
