"""Training of AutoBuild's predictor: regression, and embedding norms in the order of the target
(AutoBuild spec 2.4, 2.5 and 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.errors import ConfigError, DataError
from archloom.predict.blocks.network import (
    N_UNITS,
    BlockNetwork,
    BlockShape,
    Nodes,
    node_norms,
)
from archloom.predict.blocks.step import ChainSet, StepGradient
from archloom.predict.predictor import chunks
from archloom.predict.soft_rank import SoftRanks, ranking
from archloom.spaces import Space
from archloom.views.sequence import Sequences
from archloom.views.units import largest_unit, unit_sizes

_BETAS, _EPSILON = (0.9, 0.999), 1e-8

Network = TypeVar("Network", bound=torch.nn.Module)
OnEpoch = Callable[[int, float], None]
"""Called with the number of finished epochs and the mean loss of the last."""


@dataclass(frozen=True)
class BlockTraining:
    """How the predictor is trained; a value out of range raises ``ConfigError``.

    epochs        : passes over the training networks; the last weights are kept
    batch_size    : networks per step
    learning_rate : of AdamW at the start; it falls along a cosine to 1 % of that
    weight_decay  : of AdamW
    clip_norm     : largest gradient norm
    rank_weight   : of the rank loss beside the squared error, 0 for none
    test_share    : of the networks, kept for the test
    seed          : of split, weights and order
    soft_ranks    : own, or torchsort for those of that package, which are the same
    """

    epochs: int = 200
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    clip_norm: float = 5.0
    rank_weight: float = 1.0
    test_share: float = 0.1
    seed: int = 0
    soft_ranks: SoftRanks = "own"

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} = {getattr(self, name)}: write {least} or more.")
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} = {getattr(self, name)}: write a number above 0.")
        for name in ("weight_decay", "rank_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} = {getattr(self, name)}: write 0 or more.")
        if self.soft_ranks not in ("own", "torchsort"):
            raise ConfigError(f"soft_ranks = {self.soft_ranks!r}: write own or torchsort.")
        if not 0 < self.test_share < 1:
            raise ConfigError(f"test_share = {self.test_share}: write a number between 0 and 1.")

    def seeded(self, make: Callable[[], Network]) -> Network:
        """Return a new network with the weights of this seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return make()

    def require_finite(self, loss: float, epoch: int) -> None:
        """Raise ``ConfigError`` when the loss of an epoch, counted from 1, is not finite."""
        if not math.isfinite(loss):
            raise ConfigError(
                f"training diverged in epoch {epoch}: lower learning_rate (now "
                f"{self.learning_rate}) or clip_norm ({self.clip_norm})."
            )

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        wave = 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        return self.learning_rate * (0.01 + 0.99 * wave)

    def split(self, twins: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which networks are for training and for the test.

        twins : (N,) equal for networks that compute the same, which are not parted
        """
        groups: dict[str, list[int]] = {}
        for row, name in enumerate(twins):
            groups.setdefault(name, []).append(row)
        n_train = int((1 - self.test_share) * len(groups))
        order = np.random.default_rng(self.seed).permutation(len(groups))
        members = list(groups.values())
        train, test = (
            np.array([row for group in some for row in members[group]], dtype=np.int64)
            for some in (order[:n_train], order[n_train:])
        )
        if len(train) < self.batch_size or len(test) < 2:
            raise DataError(
                f"{len(twins)} networks are {len(train)} for training and {len(test)} for the "
                f"test: give at least one batch ({self.batch_size}) and 2, or change the settings."
            )
        return train, test


def standardised(values: NDArray[np.float64]) -> tuple[torch.Tensor, NDArray[np.float32]]:
    """Return mean and standard deviation (2,) of labels (G,), and what they make of the labels;
    without variation the deviation counts as 1.
    """
    mean, std = float(values.mean()), float(values.std()) or 1.0
    return torch.tensor([mean, std]), ((values - mean) / std).astype(np.float32)


def train_blocks(
    shape: BlockShape,
    graphs: Sequences,
    values: NDArray[np.float64],
    settings: BlockTraining,
    on_epoch: OnEpoch | None = None,
) -> BlockNetwork:
    """Return a network trained on graphs with these labels, in evaluation mode, with the moments
    of labels and hops; those of units are still to be set.

    values : (G,) in natural units. Raises ``ConfigError`` when the loss is not finite any more.
    """
    network = settings.seeded(lambda: BlockNetwork(shape))
    network.mlp_moments, labels = standardised(values)
    chains = ChainSet(graphs)
    optimiser = _AdamW(network, settings)
    step = StepGradient(
        network, chains, settings.batch_size, settings.rank_weight, ranking(settings.soft_ranks)
    )
    rng = np.random.default_rng([settings.seed, 1])
    for epoch in range(1, settings.epochs + 1):
        total = 0.0
        order = rng.permutation(len(graphs))
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in chunks(order, settings.batch_size):
                total += step(rows, labels[rows]) * len(rows)
                optimiser.step(settings.rate(epoch - 1))
        settings.require_finite(total, epoch)
        if on_epoch is not None:
            on_epoch(epoch, total / len(order))
    network.eval()
    norms_of_nodes = torch.from_numpy(node_norms(network, Nodes.of(graphs)))
    network.hop_moments = torch.stack([norms_of_nodes.mean(1), norms_of_nodes.std(1)])
    return network


class _AdamW:
    """AdamW with a bound on the gradient's norm, on one vector that all parameters of a network and
    their gradients become views of: a step is a few passes instead of some per parameter.
    """

    def __init__(self, network: BlockNetwork, settings: BlockTraining) -> None:
        parts = list(network.parameters())
        self.values = torch.cat([part.detach().flatten() for part in parts]).numpy()
        self.gradient, self.mean, self.square = np.zeros((3, *self.values.shape), dtype=np.float32)
        sizes = [part.numel() for part in parts]
        values, gradients = (
            torch.split(torch.from_numpy(one), sizes) for one in (self.values, self.gradient)
        )
        for part, value, gradient in zip(parts, values, gradients, strict=True):
            part.data, part.grad = value.view_as(part), gradient.view_as(part)
        self.settings, self.steps = settings, 0

    def step(self, rate: float) -> None:
        """Change the parameters along their gradients."""
        gradient, settings = self.gradient, self.settings
        norm = float(np.sqrt(gradient @ gradient))
        gradient *= np.float32(min(1.0, settings.clip_norm / (norm + 1e-6)))
        self.steps += 1
        for moment, one, beta in (
            (self.mean, gradient, _BETAS[0]),
            (self.square, gradient * gradient, _BETAS[1]),
        ):
            moment += np.float32(1 - beta) * (one - moment)
        first, second = (1 - beta**self.steps for beta in _BETAS)
        scale = np.sqrt(self.square * np.float32(1 / second))
        scale += np.float32(_EPSILON)
        self.values *= np.float32(1 - rate * settings.weight_decay)
        self.values -= np.float32(rate / first) * self.mean / scale


def unit_moments(
    space: Space, architectures: Sequence[str], values: NDArray[np.float64]
) -> torch.Tensor:
    """Return (5, S, 2): mean and population standard deviation of the labels of the networks whose
    unit u has s + 1 blocks; 0 and 1 where there is none, as in units that a family has not.
    """
    sizes = np.array([unit_sizes(space, architecture) for architecture in architectures])
    moments = np.tile([0.0, 1.0], (N_UNITS, largest_unit(space), 1))
    for unit, column in enumerate(sizes.T):
        for size in np.unique(column):
            inside = values[column == size]
            moments[unit, size - 1] = inside.mean(), inside.std()
    return torch.from_numpy(moments.astype(np.float32))
