"""Training of AutoBuild's predictor: regression, and embedding norms in the order of the target
(AutoBuild spec 2.4, 2.5 and 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from archloom.errors import ConfigError, DataError
from archloom.predict.block_network import (
    N_UNITS,
    BlockNetwork,
    BlockShape,
    Nodes,
    node_norms,
)
from archloom.predict.soft_rank import rank_loss
from archloom.spaces import Space
from archloom.views.sequence import Sequences
from archloom.views.units import largest_unit, unit_sizes

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
    """

    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    clip_norm: float = 5.0
    rank_weight: float = 1.0
    test_share: float = 0.1
    seed: int = 0

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
        if not 0 < self.test_share < 1:
            raise ConfigError(f"test_share = {self.test_share}: write a number between 0 and 1.")

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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = BlockNetwork(shape)
    mean, std = float(values.mean()), float(values.std()) or 1.0
    network.mlp_moments = torch.tensor([mean, std])
    labels = torch.from_numpy(((values - mean) / std).astype(np.float32))
    parameters = _flat(network)
    optimiser = torch.optim.AdamW(
        [parameters], lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    rng = np.random.default_rng([settings.seed, 1])
    for epoch in range(1, settings.epochs + 1):
        total = 0.0
        order = rng.permutation(len(graphs))
        optimiser.param_groups[0]["lr"] = settings.rate(epoch - 1)
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            wanted = labels[torch.from_numpy(rows)]
            predicted, norms = network(Nodes.of(graphs.take(rows)))
            loss = torch.nn.functional.mse_loss(predicted, wanted)
            if settings.rank_weight:
                loss = loss + settings.rank_weight * rank_loss(norms, wanted)
            optimiser.zero_grad(set_to_none=False)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
            optimiser.step()
            total += loss.item() * len(rows)
        if not math.isfinite(total):
            raise ConfigError(
                f"training diverged in epoch {epoch}: lower learning_rate (now "
                f"{settings.learning_rate}) or clip_norm ({settings.clip_norm})."
            )
        if on_epoch is not None:
            on_epoch(epoch, total / len(order))
    network.eval()
    norms_of_nodes = torch.from_numpy(node_norms(network, Nodes.of(graphs)))
    network.hop_moments = torch.stack([norms_of_nodes.mean(1), norms_of_nodes.std(1)])
    return network


def _flat(network: BlockNetwork) -> torch.Tensor:
    """Return one vector that all parameters of the network and their gradients become views of, so
    that an optimiser's step is one pass instead of one per parameter.
    """
    parts = list(network.parameters())
    vector = torch.cat([part.detach().flatten() for part in parts]).requires_grad_()
    vector.grad = torch.zeros_like(vector)
    sizes = [part.numel() for part in parts]
    values, gradients = torch.split(vector.detach(), sizes), torch.split(vector.grad, sizes)
    for part, value, gradient in zip(parts, values, gradients, strict=True):
        part.data = value.view_as(part)
        part.grad = gradient.view_as(part)
    return vector


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
