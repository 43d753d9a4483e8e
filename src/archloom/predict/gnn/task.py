"""Training task of the kind ``gnn``: whole graphs and their labels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.predict.card import digest_of
from archloom.predict.gnn.network import N_LAYERS, Network, TrainingSettings, squared_error
from archloom.predict.labels import LabelledGraphs, mean_over_families
from archloom.predict.nodes.classes import Classes, ClassStore
from archloom.predict.nodes.parts import Parts, add_whole
from archloom.predict.nodes.pooling import part_means
from archloom.shards import chunks
from archloom.views.features import Normalisers


class WholeGraphs:
    """Graphs with z-scored labels (G,); a batch is (B,) indices of graphs."""

    def __init__(
        self,
        network: Network,
        data: LabelledGraphs,
        dev: LabelledGraphs,
        scaled: NDArray[np.float32],
        settings: TrainingSettings,
        normalisers: Normalisers,
    ) -> None:
        store = ClassStore(N_LAYERS)
        self._parts, self._dev_parts = add_whole(store, data.graphs), add_whole(store, dev.graphs)
        self._classes = store.frozen()
        self.network, self._dev, self._labels = network, dev, scaled
        self._settings, self._normalisers = settings, normalisers
        self.digest = digest_of(
            self._classes.features,
            *(level.index for level in self._classes.levels),
            self._parts.entries,
            self._parts.ptr,
            self._dev_parts.entries,
            scaled,
            np.asarray(dev.labels),
        )

    def batches(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the graphs in random order, as batches (B,)."""
        return list(chunks(rng.permutation(len(self._labels)), self._settings.batch_size))

    def gradient(self, batch: NDArray[np.int64]) -> Tensor:
        """Leave the gradient of the squared error of a batch (B,) in the network; return the error,
        a scalar.
        """
        classes, parts = self._parts.take(batch).selected(self._classes)
        encoded = self.network.encode(classes, self._normalisers)
        predicted = self.network.head()(part_means(encoded, parts.entries, parts.ptr))
        return squared_error(self.network, predicted, self._labels[batch], self._settings)

    def optimiser(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return self._settings.adam(self.network)

    def dev(self) -> float:
        """Return the rank correlation on the dev graphs."""
        classes, parts = self._dev_parts.selected(self._classes)
        predicted = scores(self.network, classes, parts, self._normalisers)
        return mean_over_families(predicted, self._dev)


def scores(
    network: Network, classes: Classes, parts: Parts, normalisers: Normalisers
) -> NDArray[np.float64]:
    """Return (Q,) one prediction per part."""
    with torch.no_grad():
        encoded = network.encode(classes, normalisers)
        means = part_means(encoded, parts.entries, parts.ptr)
        return network.head()(means).double().cpu().numpy()
