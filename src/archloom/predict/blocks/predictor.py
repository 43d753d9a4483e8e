"""AutoBuild's predictor of block networks: scores, embedding norms, unit scores (AutoBuild spec 2
and 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.data.block_table import BlockLabels
from archloom.errors import ConfigError, DataError
from archloom.predict.blocks.contexts import predict_in_contexts
from archloom.predict.blocks.importance import category_importance
from archloom.predict.blocks.network import BlockNetwork, BlockShape, Nodes, node_norms
from archloom.predict.blocks.published import UNUSED, published_card
from archloom.predict.blocks.scores import ScoredUnits
from archloom.predict.blocks.task import BlockTask, BlockTraining, unit_moments
from archloom.predict.card import Card
from archloom.predict.metrics import evaluate, spearman
from archloom.predict.predictor import NetworkPredictor
from archloom.predict.range import Place
from archloom.shards import chunks
from archloom.spaces import Space
from archloom.train.device import choose_device
from archloom.train.loop import OnEpoch, seeded, train
from archloom.views.block_space import block_space
from archloom.views.sequence import RESOLUTION, Pixels, block_family, sequence_graphs
from archloom.views.units import Units, all_units, largest_unit

_BATCH = 1024
_CONTEXT_SEED = 2024


class BlockPredictor(NetworkPredictor):
    """Predicts a target of block networks, and tells how much each unit contributes to it."""

    kind = "blocks"
    unused = UNUSED
    network: BlockNetwork

    @classmethod
    def of(cls, network: BlockNetwork, family: str, target: str) -> Self:
        """Return a predictor of a target of a family's networks, with a new card."""
        seen, shape = {"family": family, "moments": True}, asdict(network.shape)
        return cls(network, Card(cls.kind, target=target, shape=shape, seen=seen))

    @classmethod
    def build(cls, card: Card) -> BlockNetwork:
        """Return the network of a card."""
        block_family(card.seen["family"])
        if not isinstance(card.seen["moments"], bool):
            raise TypeError("moments is neither true nor false")
        return BlockNetwork(BlockShape(**card.shape))

    @classmethod
    def published(cls, tensors: Mapping[str, Tensor]) -> Card | None:
        """Return the card of a predictor that was published with AutoBuild."""
        return published_card(cls.kind, tensors)

    @property
    def family(self) -> str:
        """Family of the networks."""
        return str(self.card.seen["family"])

    @classmethod
    def fit(
        cls,
        labels: BlockLabels,
        settings: BlockTraining | None = None,
        shape: BlockShape | None = None,
        on_epoch: OnEpoch | None = None,
        *,
        checkpoint: str | Path | None = None,
        checkpoint_seconds: float = 20.0,
        device: str = "cpu",
    ) -> Self:
        """Train a predictor and test it on networks kept apart; the card holds what was found:
        ``evaluate``'s metrics in natural units, the rank correlation of the norms per hop, and the
        importance of the features of the test networks' blocks.

        checkpoint         : file that keeps the state; training goes on from it
        checkpoint_seconds : least seconds between two states that are written
        device             : cpu or auto, which is the CPU: the steps are compiled for it

        Raises ``DataError`` for too few networks or units without any, ``ConfigError`` for a GPU,
        ``TrainingError`` when loss or weights are not finite any more, and for a checkpoint that
        cannot be continued.
        """
        _check_device(device)
        settings = settings or BlockTraining()
        space = block_family(labels.family)
        twins = block_space(labels.family).twins
        train_rows, test_rows = settings.split([twins(one) for one in labels.architectures])
        chosen = [labels.architectures[i] for i in train_rows]
        moments = unit_moments(space, chosen, labels.values[train_rows])
        _check_units(space, moments)
        shape = replace(shape or BlockShape(), slots=largest_unit(space))
        graphs = sequence_graphs(space, chosen, labels.resolution[train_rows])
        network = seeded(lambda: BlockNetwork(shape), settings.seed)
        task = BlockTask(network, graphs, labels.values[train_rows], settings)
        train(
            task,
            settings,
            checkpoint=checkpoint,
            checkpoint_seconds=checkpoint_seconds,
            on_epoch=on_epoch,
        )
        task.measure_hops()
        network.embed_layer.moment_tsr = moments
        predictor = cls.of(network, labels.family, labels.target)
        predictor.note(training=asdict(settings))
        predictor._test(labels.take(test_rows))
        return predictor

    def predict(
        self, architectures: Sequence[str], resolution: Pixels = RESOLUTION
    ) -> NDArray[np.float64]:
        """Return (G,) predicted targets in natural units, for input sizes in pixels."""
        return self._run(architectures, resolution)[0]

    def norms(
        self, architectures: Sequence[str], resolution: Pixels = RESOLUTION
    ) -> NDArray[np.float64]:
        """Return (5, G) L1 norms of the graph embeddings of hops 0 to 4."""
        return self._run(architectures, resolution)[1]

    def score_units(self, resolution: int = RESOLUTION, contexts: int = 0) -> ScoredUnits:
        """Return every unit of the family with its score, in units of the target, for an input size
        in pixels.

        The norm of a unit of n blocks is that of its last node at hop n - 1, which has seen exactly
        the unit. It is standardised among all nodes at that hop in the training networks, then
        given mean and spread of the targets of the networks that have such a unit of n blocks.

        contexts : with 1 or more, the score is instead the mean prediction for that many networks
                   of the family with the unit put in; they are the same for every predictor

        Raises ``DataError`` for a predictor without moments, where norms are to be scored.
        """
        units = all_units(block_family(self.family), resolution)
        norms = node_norms(self.network, Nodes.of(units.forest))
        hop = units.size - 1
        norm = norms[hop, units.node].astype(np.float64)
        if contexts:
            score = self._score_in_contexts(units, contexts, resolution)
        else:
            score = self._score_norms(units, norm)
        return ScoredUnits(self.family, self.card.target, units, norm, score)

    def _score_norms(self, units: Units, norm: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.card.seen["moments"]:
            raise DataError(
                "this predictor has no moments of hops and units, as those published with "
                "AutoBuild: train one with archloom rank-units, or score units in contexts."
            )
        hop = units.size - 1
        mean, std = self.network.hop_moments.double().numpy()[:, hop]
        means, stds = self.network.embed_layer.moment_tsr.double().numpy()[units.unit, hop].T
        score: NDArray[np.float64] = (norm - mean) / std * stds + means
        return score

    def _score_in_contexts(
        self, units: Units, contexts: int, resolution: int
    ) -> NDArray[np.float64]:
        space = block_family(self.family)
        chosen = _contexts(self.family, units, contexts)
        graphs = sequence_graphs(space, chosen, resolution)
        spans = block_space(self.family).spans
        mean, std = self.network.mlp_moments.tolist()
        return predict_in_contexts(self.network, units, spans, graphs) * std + mean

    def places(self, architectures: Sequence[Any], /) -> list[Place | None]:
        """Return None for each network: those of the family are all in range, others cannot be
        given.
        """
        return [None] * len(architectures)

    def _run(
        self, architectures: Sequence[str], resolution: Pixels
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return predictions (G,) and norms (5, G)."""
        space = block_family(self.family)
        with torch.no_grad():
            pixels = np.broadcast_to(resolution, len(architectures))
            found = [
                self.network(Nodes.of(sequence_graphs(space, some, some_pixels)))
                for some, some_pixels in zip(
                    chunks(architectures, _BATCH), chunks(pixels, _BATCH), strict=True
                )
            ]
        mean, std = self.network.mlp_moments.tolist()
        predicted = torch.cat([one for one, _ in found]).double().numpy()
        norms = torch.cat([one for _, one in found], dim=1).double().numpy()
        return predicted * std + mean, norms

    def _test(self, labels: BlockLabels) -> None:
        """Put the quality on these networks into the card."""
        predicted, norms = self._run(labels.architectures, labels.resolution)
        hops = [spearman(row, labels.values) for row in norms]
        quality = evaluate(predicted, labels.values)
        importance = category_importance(
            self.network, labels.family, labels.architectures, labels.resolution
        )
        metrics = {
            "networks": len(labels.values),
            **quality,
            "srcc_per_hop": hops,
            "importance": {name: asdict(one) for name, one in importance.items()},
        }
        self.note(metrics=metrics)


def _contexts(family: str, units: Units, n: int) -> list[str]:
    """Return ``n`` random networks of a family, always the same: first a size of each unit is
    drawn, then a unit of that size.
    """
    rng = np.random.default_rng(_CONTEXT_SEED)
    seen, drawn = block_space(family), []
    for _ in range(n):
        words = []
        for place in range(len(seen.spans)):
            size = rng.choice(np.unique(units.size[units.unit == place]))
            rows = np.flatnonzero((units.unit == place) & (units.size == size))
            words.append(units.blocks[rng.choice(rows)])
        drawn.append(seen.join(words))
    return drawn


def _check_units(space: Space, moments: torch.Tensor) -> None:
    """Raise ``DataError`` where the training networks lack a unit of some size."""
    units = all_units(space)
    for unit, size in sorted(set(zip(units.unit.tolist(), units.size.tolist(), strict=True))):
        if moments[unit, size - 1].tolist() == [0.0, 1.0]:
            raise DataError(
                f"no training network has {size} blocks in unit {unit + 1} of {space.FAMILY}, so "
                "such units cannot be scored: add networks with all depths."
            )


def _check_device(device: str) -> None:
    """Raise ``ConfigError`` for a device that the compiled steps do not run on."""
    if device == "cuda":
        raise ConfigError(
            "device is cuda, but the training of block predictors is compiled for the CPU (a GPU "
            "would be slower for networks so small): write cpu or auto."
        )
    choose_device(device)
