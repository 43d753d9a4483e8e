"""The shell of the kinds ``gnn`` and ``psc``: AutoGO's network of node embedding, graph layers and
head (AutoGO spec 4.4), the settings of its training (4.5), and the predictor around it.

Parameter names are those of the published checkpoints. Letters: K classes of a level (nodes that
share an embedding, ``archloom.predict.nodes.classes``), D = 32 embedding size, Q pooled rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.errors import ConfigError
from archloom.graph import OPS, Graph
from archloom.predict.card import Card, digest_of
from archloom.predict.labels import LabelScale
from archloom.predict.nodes.classes import Classes, Level
from archloom.predict.nodes.pooling import gather_sum
from archloom.predict.predictor import NetworkPredictor
from archloom.predict.range import FEWEST, TrainingRange
from archloom.train.device import choose_device
from archloom.train.loop import LoopSettings, OnEpoch, Progress, Task, backward, seeded, train
from archloom.views.features import (
    BIAS,
    KERNEL,
    MAX_KERNEL,
    OP,
    SIZES,
    VOCABULARY_SIZE,
    Normalisers,
    weighted_rows,
)

WIDTH = 32
N_LAYERS = 6
_SHAPE, _KERNEL, _BIAS = 8, 4, 2


class NodeEmbedding(nn.Module):
    """Feature rows to vectors: weighted and regular nodes have op tables of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.regular_embed_layer = nn.Embedding(VOCABULARY_SIZE, WIDTH - _SHAPE)
        weighted = WIDTH - _SHAPE - 2 * _KERNEL - _BIAS
        self.weighted_embed_layer = nn.Embedding(VOCABULARY_SIZE, weighted)
        self.kernel_embed_layer = nn.Embedding(MAX_KERNEL + 1, _KERNEL)
        self.shape_embed_layer = nn.Linear(6, _SHAPE)
        self.bias_embed_layer = nn.Linear(2, _BIAS)

    def forward(self, rows: NDArray[np.int32], normalisers: Normalisers) -> Tensor:
        """Embed ``(K, 10)`` feature rows; returns ``(K, 32)``."""
        device = self.shape_embed_layer.weight.device
        sizes = torch.from_numpy(rows[:, SIZES].astype(np.float32) / normalisers.divisors)
        shape = self.shape_embed_layer(sizes.to(device))
        op = torch.from_numpy(rows[:, OP]).to(device)
        is_weighted = weighted_rows(rows)
        regular = torch.cat([self.regular_embed_layer(op), shape], dim=1)
        places = torch.from_numpy(np.flatnonzero(is_weighted)).to(device)
        kernel = torch.from_numpy(rows[is_weighted, KERNEL]).to(device)
        bias = torch.eye(2)[torch.from_numpy(rows[is_weighted, BIAS]).long()].to(device)
        weighted = torch.cat(
            [
                self.weighted_embed_layer(op[places]),
                shape[places],
                self.kernel_embed_layer(kernel).flatten(1),
                self.bias_embed_layer(bias),
            ],
            dim=1,
        )
        return regular.index_copy(0, places, weighted)


class GraphLayer(nn.Module):
    """First-order graph convolution: h_i <- tanh(W_l sum_j h_j + b_l + W_r h_i), j before i."""

    def __init__(self) -> None:
        super().__init__()
        self.lin_l = nn.Linear(WIDTH, WIDTH)
        self.lin_r = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, rows: Tensor, level: Level) -> Tensor:
        """Map ``(K_below, D)`` to ``(K, D)``.

        Both products are formed once per class below: row 2i of the result is the message of class
        i, row 2i + 1 what it keeps for itself, and a level is a plain sum of such rows.
        """
        weight = torch.cat([self.lin_l.weight, self.lin_r.weight])
        bias = torch.cat([torch.zeros_like(self.lin_l.bias), self.lin_l.bias])
        products = nn.functional.linear(rows, weight, bias).view(-1, WIDTH)
        return gather_sum(products, level.index, level.ptr).tanh()


class Encoder(nn.Module):
    """Six graph layers."""

    def __init__(self) -> None:
        super().__init__()
        self.gnn_layers = nn.ModuleList(GraphLayer() for _ in range(N_LAYERS))

    def forward(self, rows: Tensor, levels: tuple[Level, ...]) -> Tensor:
        """Map ``(K_0, D)`` embeddings to the ``(K_L, D)`` of the last level."""
        for layer, level in zip(self.gnn_layers, levels, strict=True):
            rows = layer(rows, level)
        return rows


class Affine(NamedTuple):
    """The head, multiplied out: relu(x A^T + a) w + b."""

    A: Tensor
    a: Tensor
    w: Tensor
    b: Tensor

    def __call__(self, pooled: Tensor) -> Tensor:
        """Map ``(Q, d)`` to ``(Q,)`` scores."""
        return nn.functional.linear(pooled, self.A, self.a).relu() @ self.w + self.b


class Network(nn.Module):
    """Embedding, encoder and head; ``width`` is 32 for one pooled graph, 96 for P, S and C."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed_layer = NodeEmbedding()
        self.encoder = Encoder()
        pair = (nn.Linear(width, width), nn.Linear(width, width))
        self.post_proj = nn.Sequential(
            *pair, nn.ReLU(), nn.Linear(width, width), nn.Linear(width, width)
        )
        self.regressor = nn.Linear(width, 1)

    @property
    def width(self) -> int:
        """Width of the head."""
        return self.regressor.in_features

    def encode(self, classes: Classes, normalisers: Normalisers) -> Tensor:
        """Return ``(K_L, 32)`` embeddings of the last-level classes."""
        rows: Tensor = self.embed_layer(classes.features, normalisers)
        encoded: Tensor = self.encoder(rows, classes.levels)
        return encoded

    def head(self) -> Affine:
        """Return the head with its paired linears multiplied out (nothing stands between them)."""
        pairs = [
            (layer.weight, layer.bias) for layer in self.post_proj if isinstance(layer, nn.Linear)
        ]
        (W0, b0), (W1, b1), (W2, b2), (W3, b3) = pairs
        out = self.regressor.weight[0]
        w = out @ W3 @ W2
        b = out @ W3 @ b2 + out @ b3 + self.regressor.bias[0]
        return Affine(W1 @ W0, W1 @ b0 + b1, w, b)

    def rescale(self, mean: float, std: float) -> None:
        """Make the output z of this network mean + std * z."""
        with torch.no_grad():
            self.regressor.weight.mul_(std)
            self.regressor.bias.mul_(std).add_(mean)


@dataclass(frozen=True)
class TrainingSettings(LoopSettings):
    """How a predictor of accuracies is trained (AutoGO spec 4.5 with the corrections of 8.1, B8 and
    B9): squared error on z-scored labels, Adam, the weights with the best rank correlation on the
    dev graphs. A value out of range raises ``ConfigError``.

    batch_size    : graphs (gnn) or instances (psc) per step
    betas         : of Adam
    instance_fraction : share of each graph's instances per epoch, drawn anew each time (psc)
    instances_per_graph : at most this many of a graph's instances in one step (psc)

    The others are those of ``LoopSettings``.
    """

    epochs: int = 150
    learning_rate: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.999)
    instance_fraction: float = 0.25
    instances_per_graph: int = 8

    LEAST: ClassVar[dict[str, int]] = {"epochs": 1, "batch_size": 1, "instances_per_graph": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.instance_fraction <= 1:
            raise ConfigError(
                f"instance_fraction = {self.instance_fraction}: write a number above 0, at most 1."
            )

    def adam(self, network: nn.Module) -> torch.optim.Adam:
        """Return Adam for the parameters of a network."""
        return torch.optim.Adam(
            network.parameters(), lr=self.learning_rate, betas=self.betas, fused=True
        )


class GraphPredictor(NetworkPredictor):
    """A predictor of accuracies with AutoGO's network.

    normalisers : sizes that count as 1, for a new predictor
    """

    width: ClassVar[int]
    """Width of the head."""
    published_target: ClassVar[str] = "accuracy"
    """What the published checkpoint predicts."""
    unused = ("aggregator.", "encoder.init_ff.")
    network: Network

    def __init__(
        self,
        network: Network | None = None,
        card: Card | None = None,
        *,
        normalisers: Normalisers | None = None,
    ) -> None:
        card = card or Card(
            self.kind,
            target="accuracy",
            shape={"width": self.width},
            seen=_seen(normalisers or Normalisers()),
        )
        super().__init__(network or new_network(self.width, seed=0), card)

    @classmethod
    def build(cls, card: Card) -> Network:
        """Return a network of this kind's width; a card of other operations is refused."""
        if tuple(card.seen["op_vocabulary"]) != _op_vocabulary():
            raise ValueError("the op vocabulary differs from this version's")
        if card.shape["width"] != cls.width:
            raise ValueError(f"its head has width {card.shape['width']}, not {cls.width}")
        Normalisers(**card.seen["normalisers"])
        return Network(cls.width)

    @classmethod
    def published(cls, tensors: Mapping[str, Tensor]) -> Card | None:
        """Return the card of a checkpoint of the reference, told apart by its head, (1, D)."""
        head = tensors.get("regressor.weight")
        if "embed_layer.weighted_embed_layer.weight" not in tensors or head is None:
            return None
        if head.shape[-1:] != (cls.width,):
            return None
        return Card(
            cls.kind,
            what=f"AutoGO's published {cls.kind.upper()} checkpoint",
            target=cls.published_target,
            shape={"width": cls.width},
            seen=_seen(Normalisers()),
            code_version="AutoGO (NeurIPS 2023)",
        )

    @property
    def normalisers(self) -> Normalisers:
        """Constants of this predictor that sizes are divided by."""
        return Normalisers(**self.card.seen["normalisers"])

    @property
    def digest(self) -> str:
        """16 hex digits over the weights and normalisers."""
        tensors = [tensor.numpy() for _, tensor in sorted(self.network.state_dict().items())]
        return digest_of(*tensors, np.array(self.normalisers))

    def _fit(
        self,
        task: Task[NDArray[np.int64]],
        network: Network,
        graphs: Sequence[Graph],
        scale: LabelScale,
        settings: TrainingSettings,
        checkpoint: str | Path | None,
        on_epoch: OnEpoch | None,
    ) -> Progress:
        """Train the task's network, a new one, and take it over; where labels have one scale, the
        output becomes an accuracy.
        """
        progress = train(task, settings, checkpoint=checkpoint, on_epoch=on_epoch)
        self.network = network.cpu()
        one_scale = len(scale.table) == 1
        if one_scale:
            self.network.rescale(*next(iter(scale.table.values())).values())
        self.note(
            target="accuracy" if one_scale else "z-score",
            labels=scale.table,
            training=asdict(settings),
            range=TrainingRange.of(graphs) if len(graphs) >= FEWEST else None,
            metrics={"dev_srcc": progress.best_dev, "best_epoch": progress.best_epoch},
        )
        return progress

    def _new_network(self, settings: TrainingSettings, device: str) -> Network:
        """Return a network to train, on its device."""
        return new_network(self.width, settings.seed).to(choose_device(device))


def new_network(width: int, seed: int) -> Network:
    """Return a network with weights drawn from ``seed``; the global random state stays as it is."""
    return seeded(lambda: Network(width), seed)


def squared_error(
    network: Network, predicted: Tensor, wanted: NDArray[np.float32], settings: TrainingSettings
) -> Tensor:
    """Leave the gradient of the mean squared error in the network, return the error.

    predicted, wanted : (B,)
    """
    labels = torch.from_numpy(wanted).to(predicted.device)
    loss = nn.functional.mse_loss(predicted, labels)
    return backward(loss, network, settings.clip_norm)


def _op_vocabulary() -> tuple[str, ...]:
    """Return the operation behind every op index of the embedding tables."""
    return tuple(OPS.name(code) for code in range(VOCABULARY_SIZE))


def _seen(normalisers: Normalisers) -> dict[str, Any]:
    """Return what a card says of the inputs."""
    return {
        "normalisers": normalisers._asdict(),
        "op_vocabulary": list(_op_vocabulary()),
    }
