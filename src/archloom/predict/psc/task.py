"""Training task of the kind ``psc``: instances of graphs, with the labels of the graphs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.errors import DataError
from archloom.predict.card import digest_of
from archloom.predict.gnn.network import Network, TrainingSettings, squared_error
from archloom.predict.labels import LabelledGraphs, LabelScale, mean_over_families
from archloom.predict.nodes.classes import Classes
from archloom.predict.psc.instances import Instances, instance_means
from archloom.shards import chunks
from archloom.views.features import Normalisers

_DEV_FOLDS = 10


class GraphInstances:
    """Instances of graphs; a batch is (B,) indices of instances, ascending.

    data, dev : the labelled graphs, and their instances as classes of nodes
    scale     : of the labels, per family, each graph counting as often as it has instances
    """

    def __init__(
        self,
        network: Network,
        classes: Classes,
        data: tuple[LabelledGraphs, Instances],
        dev: tuple[LabelledGraphs, Instances],
        settings: TrainingSettings,
        normalisers: Normalisers,
    ) -> None:
        graphs, self._instances = data
        self._dev, dev_instances = dev
        self._dev_instances = dev_instances.take(_spread(dev_instances.counts, _DEV_FOLDS))
        self.network, self._classes = network, classes
        self._settings, self._normalisers = settings, normalisers
        labels, families = np.asarray(graphs.labels), graphs.families
        self.scale = LabelScale.of(labels, families, self._instances.counts)
        self._labels = self.scale.scaled(labels, families)
        unknown = set(self._dev.families) - set(families)
        if unknown:
            raise DataError(f"dev graphs are of families that are not trained on: {unknown}.")
        self.digest = digest_of(
            classes.features,
            *(level.index for level in classes.levels),
            self._instances.entries,
            self._instances.graph,
            self._dev_instances.entries,
            self._labels,
            np.asarray(self._dev.labels),
        )

    def batches(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the instances of an epoch, as batches (B,): it goes through the graphs in rounds,
        each with a few instances of every graph, so that a batch holds many different labels.
        """
        schedule = chunks(self._schedule(rng), self._settings.batch_size)
        return [np.sort(rows) for rows in schedule]

    def gradient(self, batch: NDArray[np.int64]) -> Tensor:
        """Leave the gradient of the squared error of a batch (B,) in the network; return the error,
        a scalar.
        """
        classes, part = self._instances.take(batch).selected(self._classes)
        encoded = self.network.encode(classes, self._normalisers)
        predicted = self.network.head()(instance_means(encoded, part))
        wanted = self._labels[self._instances.graph[batch]]
        return squared_error(self.network, predicted, wanted, self._settings)

    def optimiser(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return self._settings.adam(self.network)

    def dev(self) -> float:
        """Return the rank correlation of single dev instances, averaged over up to 10 folds."""
        classes, part = self._dev_instances.selected(self._classes)
        predicted = scores(self.network, classes, part, self._normalisers)
        first = np.cumsum(part.counts) - part.counts
        folds = range(part.counts.max())
        found = [
            mean_over_families(predicted[first + fold % part.counts], self._dev) for fold in folds
        ]
        return float(np.mean(found))

    def _schedule(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the instances of one epoch, in the order of training."""
        counts, graph = self._instances.counts, self._instances.graph
        shuffled = np.lexsort((rng.random(len(graph)), graph))
        rank = np.arange(len(graph)) - np.repeat(np.cumsum(counts) - counts, counts)
        wanted = np.maximum(1, np.rint(self._settings.instance_fraction * counts))
        kept = rank < wanted[graph]
        rounds = rank // self._settings.instances_per_graph
        place = rng.random((len(counts), rounds.max() + 1))[graph, rounds]
        order = np.lexsort((place[kept], rounds[kept]))
        return shuffled[kept][order]


def _spread(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most ``most`` instances of every graph, evenly spread."""
    first = np.cumsum(counts) - counts
    taken = np.minimum(counts, most)
    return np.concatenate(
        [at + np.arange(n) * count // n for at, n, count in zip(first, taken, counts, strict=True)]
    )


def scores(
    network: Network, classes: Classes, instances: Instances, normalisers: Normalisers
) -> NDArray[np.float64]:
    """Return (I,) one prediction per instance."""
    with torch.no_grad():
        means = instance_means(network.encode(classes, normalisers), instances)
        return network.head()(means).double().cpu().numpy()
