"""The one training loop of all predictors (AutoGO spec 4.5 with the corrections of 8.1, B8 and B9).

Mean squared error on z-scored labels, Adam, gradient clipping, selection of the weights with the
best dev rank correlation; training always goes on from the last weights. Every epoch draws from a
random stream of its own, so a run that was killed and resumed ends with the same weights.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from archloom.errors import ConfigError
from archloom.predict.gnn.network import Network
from archloom.predict.resume import Progress, read_progress, write_progress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSettings:
    """How a predictor is trained; a value out of range raises ``ConfigError``.

    epochs            : passes over the training graphs
    batch_size        : graphs (gnn) or instances (psc) per step
    learning_rate     : of Adam, at the start
    schedule          : cosine (down to 1 % at the end) or constant
    betas             : of Adam
    clip_norm         : largest gradient norm
    instance_fraction : share of each graph's instances per epoch, drawn anew each time (psc)
    instances_per_graph : at most this many of a graph's instances in one step (psc)
    seed              : of initial weights and of everything that is drawn
    """

    epochs: int = 150
    batch_size: int = 256
    learning_rate: float = 3e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = 5.0
    instance_fraction: float = 0.25
    instances_per_graph: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "instances_per_graph"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}: write 1 or more.")
        for name in ("learning_rate", "clip_norm", "instance_fraction"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} = {getattr(self, name)}: write a number above 0.")
        if self.instance_fraction > 1:
            raise ConfigError(f"instance_fraction = {self.instance_fraction}: write at most 1.")
        if self.schedule not in ("cosine", "constant"):
            raise ConfigError(f"schedule = {self.schedule!r}: write cosine or constant.")

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        wave = 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        return self.learning_rate * (0.01 + 0.99 * wave)


class Task(Protocol):
    """What is trained on: batches, and a dev set."""

    digest: str
    """Identifies data and labels, so that a checkpoint is not continued with others."""

    def steps(self, network: Network, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield predictions of the network as it is by then, and z-scored labels, for one epoch."""

    def dev_srcc(self, network: Network) -> float:
        """Return the rank correlation on the dev set; NaN where it is undefined."""


@dataclass(frozen=True)
class EpochRecord:
    """One line of the training history; ``seconds`` is wall time."""

    epoch: int
    epochs: int
    loss: float
    dev_srcc: float
    seconds: float


def new_network(width: int, seed: int) -> Network:
    """Return a network with weights drawn from ``seed``; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(width)


def train(
    network: Network,
    task: Task,
    settings: TrainingSettings,
    *,
    checkpoint: str | Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> Progress:
    """Train ``network`` in place; it ends with the weights of the best epoch.

    checkpoint : file that is rewritten after every epoch; when it exists and belongs to the same
                 settings and data, training goes on from there

    Raises ``ConfigError`` when loss or weights are not finite any more; the network then has the
    best weights so far, and the checkpoint the state before that epoch.
    """
    optimiser = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, betas=settings.betas, fused=True
    )
    digest = sha256(dumps([asdict(settings), task.digest]).encode()).hexdigest()[:16]
    progress = read_progress(checkpoint, network, optimiser, digest)
    while progress.epoch < settings.epochs:
        started = time.perf_counter()
        rng = np.random.default_rng([settings.seed, progress.epoch])
        loss = _train_epoch(network, task, settings, optimiser, rng, progress.epoch)
        if not (math.isfinite(loss) and all(one.isfinite().all() for one in network.parameters())):
            kept = f"; {checkpoint} holds the state before" if checkpoint else ""
            network.load_state_dict(progress.best_weights or network.state_dict())
            raise ConfigError(
                f"training diverged in epoch {progress.epoch + 1} (loss {loss}): lower "
                f"learning_rate (now {settings.learning_rate}) or clip_norm ({settings.clip_norm})"
                f"{kept if progress.epoch else ''}."
            )
        srcc = task.dev_srcc(network)
        progress.advance(network, loss, srcc)
        record = EpochRecord(
            progress.epoch, settings.epochs, loss, srcc, time.perf_counter() - started
        )
        logger.info("epoch %d of %d: loss %.4f, dev SRCC %.4f, %.1f s", *asdict(record).values())
        if checkpoint is not None:
            write_progress(checkpoint, network, optimiser, progress, digest)
        if on_epoch is not None:
            on_epoch(record)
    network.load_state_dict(progress.best_weights)
    return progress


def _train_epoch(
    network: Network,
    task: Task,
    settings: TrainingSettings,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
    epoch: int,
) -> float:
    """Make one pass; return the mean loss per label."""
    for group in optimiser.param_groups:
        group["lr"] = settings.rate(epoch)
    total, n_labels = 0.0, 0
    for predicted, wanted in task.steps(network, rng):
        loss = torch.nn.functional.mse_loss(predicted, wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimiser.step()
        total += loss.item() * len(wanted)
        n_labels += len(wanted)
    return total / n_labels
