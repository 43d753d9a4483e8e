"""The whole-graph predictor: AutoGO's GNN, GENNAPE's baseline (AutoGO spec 4.4, GENNAPE spec 3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph
from archloom.predict.gnn.network import N_LAYERS, WIDTH, GraphPredictor, TrainingSettings
from archloom.predict.gnn.task import WholeGraphs, scores
from archloom.predict.labels import LabelledGraphs, LabelScale
from archloom.predict.metrics import evaluate
from archloom.predict.nodes.classes import ClassStore
from archloom.predict.nodes.parts import GRAPHS_PER_CHUNK, add_whole
from archloom.shards import chunks
from archloom.train.loop import OnEpoch, Progress
from archloom.views.features import Normalisers


class GNN(GraphPredictor):
    """Predicts the accuracy of a network from its whole graph."""

    kind = "gnn"
    width = WIDTH

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
        """Train on ``data``, select by rank correlation on ``dev``; outputs become accuracies.

        checkpoint : file that keeps the state of every epoch; training goes on from it
        device     : cpu, cuda or auto; afterwards the predictor is on the CPU

        Raises ``TrainingError`` when loss or weights are not finite any more, and for a checkpoint
        that cannot be continued.
        """
        settings = settings or TrainingSettings()
        labels = np.asarray(data.labels)
        one_group = np.full(len(labels), "all")
        scale = LabelScale.of(labels, one_group, np.ones(len(labels), dtype=np.int64))
        network, scaled = self._new_network(settings, device), scale.scaled(labels, one_group)
        task = WholeGraphs(network, data, dev, scaled, settings, self.normalisers)
        return self._fit(task, network, data.graphs, scale, settings, checkpoint, on_epoch)

    def predict(
        self, graphs: Sequence[Graph], normalisers: Normalisers | None = None
    ) -> NDArray[np.float64]:
        """Return ``(len(graphs),)`` predictions in input order.

        normalisers : others than the card's, only to compare with the reference's legacy values
        """
        found: list[NDArray[np.float64]] = [np.empty(0)]
        for chunk in chunks(graphs, GRAPHS_PER_CHUNK):
            store = ClassStore(N_LAYERS)
            parts = add_whole(store, chunk)
            sizes = normalisers or self.normalisers
            found.append(scores(self.network, store.frozen(), parts, sizes))
        return np.concatenate(found)

    def evaluate(self, data: LabelledGraphs) -> dict[str, float]:
        """Return the metrics of ``archloom.predict.metrics.evaluate`` on ``data``."""
        return evaluate(self.predict(data.graphs), data.labels)
