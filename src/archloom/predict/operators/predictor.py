"""AutoBuild's predictor on graphs of operators: predictions, and which operators and segments
matter (AutoBuild spec 2 and 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.graph import Graph, disjoint_union
from archloom.predict.blocks.task import BlockTraining, OnEpoch
from archloom.predict.metrics import evaluate, spearman
from archloom.predict.operators.file import (
    OperatorCard,
    read_operator_predictor,
    write_operator_predictor,
)
from archloom.predict.operators.importance import NodeImportance
from archloom.predict.operators.network import (
    OperatorGraphs,
    OperatorNetwork,
    OperatorShape,
    node_norms,
)
from archloom.predict.operators.task import train_operators
from archloom.predict.predictor import LabelledGraphs, chunks, digest_of
from archloom.predict.range import FEWEST, Place, TrainingRange
from archloom.segments.database import SegmentDatabase
from archloom.segments.ranking import SegmentRanking
from archloom.views.operators import OPERATORS, operator_codes

_BATCH = 512


class OperatorPredictor:
    """Predicts a target of any networks, and tells how much each operator contributes to it."""

    def __init__(self, network: OperatorNetwork, card: OperatorCard) -> None:
        self.network, self.card = network, card

    @classmethod
    def fit(
        cls,
        data: LabelledGraphs,
        target: str,
        settings: BlockTraining | None = None,
        shape: OperatorShape | None = None,
        *,
        twins: Sequence[str] | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> Self:
        """Train a predictor and test it on networks kept apart; the card holds what was found:
        ``evaluate``'s metrics in natural units and, per hop, the rank correlation of the norms.

        target : what the labels are, for the card; larger must mean better
        twins  : (G,) equal for networks that are not parted by the split; default: those of equal
                 hash

        Raises ``DataError`` for too few networks.
        """
        settings, shape = settings or BlockTraining(epochs=60), shape or OperatorShape()
        values = np.asarray(data.labels)
        train, test = settings.split(twins or [graph.hash for graph in data.graphs])
        graphs = OperatorGraphs.of(data.graphs, shape.hops)
        network = train_operators(shape, graphs.take(train), values[train], settings, on_epoch)
        known = [data.graphs[i] for i in train]
        seen = np.unique(np.concatenate([np.unique(operator_codes(graph)) for graph in known]))
        predicted, norms = _run(network, graphs.take(test))
        hops = [spearman(row, values[test]) for row in norms]
        card = OperatorCard(
            target,
            shape=shape,
            training=asdict(settings),
            metrics={
                "networks": len(test),
                **evaluate(predicted, values[test]),
                "srcc_per_hop": hops,
            },
            operators=tuple(OPERATORS[i] for i in seen),
            range=TrainingRange.of(known) if len(known) >= FEWEST else None,
        )
        return cls(network, card)

    def predict(self, graphs: Sequence[Graph]) -> NDArray[np.float64]:
        """Return (G,) predicted targets in natural units."""
        found = [_run(self.network, some)[0] for some in self._batches(graphs)]
        return np.concatenate([np.empty(0), *found])

    def norms(self, graphs: Sequence[Graph]) -> NDArray[np.float64]:
        """Return (M + 1, G) L1 norms of the graph embeddings of hops 0 to M."""
        none = np.empty((self.network.shape.hops + 1, 0))
        found = [_run(self.network, some)[1] for some in self._batches(graphs)]
        return np.concatenate([none, *found], axis=1)

    def importance(self, graph: Graph) -> NodeImportance:
        """Return how much each node of a network matters."""
        converted = OperatorGraphs.of([graph], self.network.shape.hops)
        norms = node_norms(self.network, converted)
        with torch.no_grad():
            scalars = self.network.hops(converted)[0].numpy()[converted.parts.entries]
        return NodeImportance(graph, norms, self._standardised(norms), scalars)

    def score_segments(self, segments: Sequence[Graph]) -> NDArray[np.float64]:
        """Return (S,) importance of parts of networks.

        The norm of each node at the hop at which it has seen all of the segment before it (the last
        hop for more), standardised among the nodes of the training networks at that hop; the mean
        over the nodes. AutoBuild takes a unit's last node alone, which has seen all of it; a
        segment may be longer than the hops.
        """
        none = [np.empty(0)]
        found = [self._score_some(some) for some in chunks(segments, _BATCH)]
        return np.concatenate(none + found)

    def rank_segments(self, database: SegmentDatabase) -> SegmentRanking:
        """Return the ranking of all instances of a segment database."""
        segments = [database.graph(instance) for instance in range(database.n_instances)]
        return SegmentRanking(database.digest, self.card.target, self.score_segments(segments))

    def operator_scalars(self) -> dict[str, float]:
        """Return the 0-hop importance of every operator that occurred in training, by name, the
        largest first.
        """
        with torch.no_grad():
            table = self.network.embed_layer.table().tolist()
        scalars = {name: table[OPERATORS.index(name)] for name in self.card.operators}
        return dict(sorted(scalars.items(), key=lambda item: -item[1]))

    def places(self, graphs: Sequence[Graph]) -> list[Place | None]:
        """Return where each network lies in the range of the training networks."""
        known = self.card.range
        return list(known.places(graphs)) if known else [None] * len(graphs)

    def unseen(self, graph: Graph) -> tuple[str, ...]:
        """Return the operators of a network that did not occur in training."""
        found = {OPERATORS[i] for i in np.unique(operator_codes(graph)).tolist()}
        return tuple(sorted(found - set(self.card.operators)))

    @property
    def digest(self) -> str:
        """16 hex digits over the weights and moments."""
        return digest_of(*(one.numpy() for _, one in sorted(self.network.state_dict().items())))

    def save(self, path: str | Path) -> None:
        """Write weights and card to ``path`` (safetensors) and the card beside it."""
        write_operator_predictor(path, self.network, self.card)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote; raises ``DataError`` or ``FormatError``."""
        return cls(*read_operator_predictor(path))

    def _batches(self, graphs: Sequence[Graph]) -> list[OperatorGraphs]:
        hops = self.network.shape.hops
        return [OperatorGraphs.of(some, hops) for some in chunks(graphs, _BATCH)]

    def _standardised(self, norms: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (M + 1, U) norms in standard deviations above the mean of training nodes."""
        mean, std = self.network.hop_moments.double().numpy()[:, :, None]
        return (norms - mean) / np.maximum(std, 1e-12)

    def _score_some(self, segments: Sequence[Graph]) -> NDArray[np.float64]:
        hops = self.network.shape.hops
        norms = self._standardised(node_norms(self.network, OperatorGraphs.of(segments, hops)))
        union, bounds = disjoint_union(segments)
        depth = np.empty(union.n_nodes, dtype=np.int64)
        for level, nodes in enumerate(union.levels):
            depth[nodes] = min(level, hops)
        scores = norms[depth, np.arange(union.n_nodes)]
        return np.add.reduceat(scores, bounds[:-1]) / np.diff(bounds)


def _run(
    network: OperatorNetwork, graphs: OperatorGraphs
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return predictions (G,) in natural units and norms (M + 1, G)."""
    with torch.no_grad():
        predicted, norms = network(graphs)
    mean, std = network.label_moments.tolist()
    return predicted.double().numpy() * std + mean, norms.double().numpy()
