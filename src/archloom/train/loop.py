"""The one training loop: epochs, learning rate, checks, best or last weights, records, resuming.

A *task* says what is trained: a network, its batches, and how a batch makes a gradient. The loop
does the rest. Every epoch draws from a random stream of its own, made of (seed, epoch), so a run
that was killed and resumed ends with the same weights as one that was not.

What is known of networks, graphs or images belongs into tasks; nothing of it may be imported here.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from archloom.errors import ConfigError, TrainingError
from archloom.train.checkpoint import Optimiser, read_state, write_state

logger = logging.getLogger(__name__)

Batch = TypeVar("Batch", bound=Sized)
Network = TypeVar("Network", bound=nn.Module)


class Task(Protocol[Batch]):
    """What is trained on what."""

    @property
    def network(self) -> nn.Module:
        """What is trained, on its device; in training mode but while ``dev`` runs."""

    @property
    def digest(self) -> str:
        """Identifies data and labels, so that a checkpoint is not continued with others."""

    def batches(self, rng: np.random.Generator) -> Sequence[Batch]:
        """Return the batches of one epoch; the length of a batch is the weight of its loss."""

    def gradient(self, batch: Batch) -> float | Tensor:
        """Leave the gradient of a batch where the optimiser reads it; return the loss, a number or
        a scalar without a tape (a GPU is then kept busy).
        """

    def optimiser(self) -> Optimiser:
        """Return the optimiser of the network's parameters; called once."""

    @property
    def dev(self) -> Callable[[], float] | None:
        """Returns a figure of a dev set, larger is better, NaN where it is undefined; the weights
        of the best epoch are then kept. None: the last weights count.
        """


class Schedule(Protocol):
    """What the loop needs of a training's settings, a dataclass. All its fields identify the
    training: a checkpoint is continued with equal ones only.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def epochs(self) -> int:
        """Passes over the data."""

    @property
    def seed(self) -> int:
        """Of everything that is drawn."""

    def rate(self, epoch: float) -> float:
        """Return the learning rate at a fractional epoch, 0 at the start."""

    @property
    def advice(self) -> str:
        """What to do when loss or weights are not finite any more."""


@dataclass(frozen=True)
class LoopSettings:
    """What most trainings set; a value out of range raises ``ConfigError``.

    epochs        : passes over the data
    batch_size    : items per step
    learning_rate : at the start
    schedule      : cosine (down to 1 % at the end, in steps of an epoch) or constant
    clip_norm     : largest gradient norm
    seed          : of initial weights and of everything that is drawn
    """

    epochs: int = 40
    batch_size: int = 256
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    clip_norm: float = 5.0
    seed: int = 0

    LEAST: ClassVar[dict[str, int]] = {"epochs": 1, "batch_size": 1}
    """Smallest values of whole numbers."""

    def __post_init__(self) -> None:
        for name, least in self.LEAST.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} = {getattr(self, name)}: write {least} or more.")
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} = {getattr(self, name)}: write a number above 0.")
        if self.schedule not in ("cosine", "constant"):
            raise ConfigError(f"schedule = {self.schedule!r}: write cosine or constant.")

    def rate(self, epoch: float) -> float:
        """Return the learning rate at a fractional epoch; it stays until the next."""
        if self.schedule == "constant":
            return self.learning_rate
        wave = 0.5 * (1 + math.cos(math.pi * math.floor(epoch) / self.epochs))
        return self.learning_rate * (0.01 + 0.99 * wave)

    @property
    def advice(self) -> str:
        """What to do when loss or weights are not finite any more."""
        return f"lower learning_rate (now {self.learning_rate}) or clip_norm ({self.clip_norm})"


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch: its number (from 1), of how many, mean loss, last learning rate, figure
    of the dev set (None: undefined, or no dev set) and seconds of wall time.
    """

    epoch: int
    epochs: int
    loss: float
    learning_rate: float
    dev: float | None
    seconds: float


OnEpoch = Callable[[EpochRecord], None]
"""Called after every epoch."""


@dataclass
class Progress:
    """How far a training has come.

    history      : per finished epoch loss, learning_rate and dev
    seconds      : wall time of all finished epochs, those of interrupted runs included
    best_epoch   : epoch with the highest figure of the dev set (from 1), 0 without a dev set
    best_weights : its weights
    """

    history: list[dict[str, float | None]] = field(default_factory=list)
    seconds: float = 0.0
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return len(self.history)

    @property
    def best_dev(self) -> float:
        """Highest figure of the dev set so far; -inf where there is none."""
        value = self.history[self.best_epoch - 1]["dev"] if self.best_epoch else None
        return -math.inf if value is None else value


def train(
    task: Task[Batch],
    settings: Schedule,
    *,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 0.0,
    on_epoch: OnEpoch | None = None,
) -> Progress:
    """Train the task's network in place; it ends in evaluation mode, with the weights of the best
    epoch on the dev set or, without one, of the last.

    checkpoint         : file that keeps the state; where it exists, training goes on from there
    checkpoint_seconds : the state is written after an epoch when so many seconds have passed since
                         the last time

    Raises ``TrainingError`` when loss or weights are not finite any more (the network then has the
    best weights so far, or those before that epoch, and the checkpoint the state before it), and
    for a checkpoint that cannot be continued.
    """
    run = _Run(task, settings, None if checkpoint is None else Path(checkpoint))
    while run.progress.epoch < settings.epochs:
        record = run.epoch()
        if run.progress.seconds - run.saved >= checkpoint_seconds:
            run.save()
        if on_epoch is not None:
            on_epoch(record)
    run.finish()
    return run.progress


def backward(loss: Tensor, network: nn.Module, clip_norm: float) -> Tensor:
    """Leave the gradient of ``loss``, a scalar, in the parameters of ``network``, with at most this
    norm over all of them; return the loss without its tape.
    """
    parameters = list(network.parameters())
    for one in parameters:
        one.grad = None
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(parameters, clip_norm)
    return loss.detach()


def seeded(make: Callable[[], Network], seed: int) -> Network:
    """Return what ``make`` makes with PyTorch's random numbers of this seed; the global random
    state stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


class _Run:
    """The state of one training."""

    def __init__(self, task: Task[Batch], settings: Schedule, checkpoint: Path | None) -> None:
        self.task: Task[Any] = task
        self.settings, self.checkpoint = settings, checkpoint
        self.optimiser, self.progress = task.optimiser(), Progress()
        shapes = [(name, tuple(one.shape)) for name, one in task.network.state_dict().items()]
        network = sha256(repr(shapes).encode()).hexdigest()[:16]
        self.identity = {"data": task.digest, "network": network, **asdict(settings)}
        if checkpoint is not None and checkpoint.exists():
            facts, best = read_state(checkpoint, task.network, self.optimiser, self.identity)
            self.progress = Progress(**facts, best_weights=best)
            logger.info("continuing after epoch %d from %s", self.progress.epoch, checkpoint)
        self.saved = self.progress.seconds

    def epoch(self) -> EpochRecord:
        """Pass once over the data and note how it went."""
        task, progress, before = self.task, self.progress, self._state()
        started = time.perf_counter()
        task.network.train()
        losses, sizes, rate = self._steps()
        if wrong := _not_finite(losses, task.network):
            self._go_back(before, wrong)
        task.network.eval()
        loss = sum(map(math.prod, zip(losses, sizes, strict=True))) / sum(sizes)
        figure = math.nan if task.dev is None else task.dev()
        dev = None if math.isnan(figure) else figure
        progress.history.append({"loss": loss, "learning_rate": rate, "dev": dev})
        if task.dev is not None and (not progress.best_epoch or figure > progress.best_dev):
            progress.best_epoch = progress.epoch
            progress.best_weights = _cloned(task.network.state_dict())
        seconds = time.perf_counter() - started
        progress.seconds += seconds
        logger.info(
            "epoch %d of %d: loss %.4f, dev %.4f, %.1f s",
            *(progress.epoch, self.settings.epochs, loss, figure, seconds),
        )
        return EpochRecord(progress.epoch, self.settings.epochs, loss, rate, dev, seconds)

    def _steps(self) -> tuple[list[float], list[int], float]:
        """Make the steps of an epoch; return losses and sizes of its batches, and the last rate."""
        epoch, task, settings = self.progress.epoch, self.task, self.settings
        batches = task.batches(np.random.default_rng([settings.seed, epoch]))
        losses, rate = [], 0.0
        for step, batch in enumerate(batches):
            rate = settings.rate(epoch + step / len(batches))
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            losses.append(task.gradient(batch))
            self.optimiser.step()
        return [float(loss) for loss in losses], [len(batch) for batch in batches], rate

    def save(self) -> None:
        """Write the state, if there is a file for it."""
        if self.checkpoint is None:
            return
        progress = self.progress
        facts = {name: getattr(progress, name) for name in ("history", "seconds", "best_epoch")}
        write_state(
            self.checkpoint,
            self.task.network,
            self.optimiser,
            self.identity,
            facts,
            progress.best_weights,
        )
        self.saved = progress.seconds

    def finish(self) -> None:
        """Leave the network with the weights that count."""
        if self.progress.best_weights:
            self.task.network.load_state_dict(self.progress.best_weights)
        self.task.network.eval()

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return a copy of all that an epoch changes, but for the progress."""
        moments = self.optimiser.state_dict()
        state = {number: _cloned(one) for number, one in moments["state"].items()}
        return _cloned(self.task.network.state_dict()), {**moments, "state": state}

    def _go_back(self, before: tuple[dict[str, Tensor], dict[str, Any]], wrong: str) -> NoReturn:
        """Undo an epoch that was begun in the state ``before``, and tell why."""
        weights, moments = before
        self.task.network.load_state_dict(weights)
        self.optimiser.load_state_dict(moments)
        done, kept = self.progress.epoch, ""
        if self.checkpoint is not None and done:
            self.save()
            kept = f"; the state after epoch {done} is kept in {self.checkpoint}"
        self.finish()
        raise TrainingError(
            f"training diverged in epoch {done + 1}: {wrong}; {self.settings.advice}{kept}."
        )


def _cloned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose tensors are copies too."""
    return {name: one.clone() if isinstance(one, Tensor) else one for name, one in values.items()}


def _not_finite(losses: Sequence[float], network: nn.Module) -> str:
    """Return what is not finite in words, "" when all is."""
    for step, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            return f"the loss was {loss} at step {step}"
    tensors = [one for one in network.state_dict().values() if one.is_floating_point()]
    finite = torch.cat([one.reshape(-1) for one in tensors]).isfinite().all()
    return "" if finite else "weights were not finite after its last step"
