"""Training of one graph as a network: deterministic on one thread, resumable after a kill.

Every random choice of an epoch comes from a generator made of (seed, epoch), so an epoch can be
repeated without the ones before it: a checkpoint needs weights, optimiser state and history only.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from archloom.data.images import Images
from archloom.errors import ConfigError, TrainingError
from archloom.execute.module import GraphModule, to_torch
from archloom.graph import Graph, input_shapes, output_shapes
from archloom.train.augment import augment
from archloom.train.checkpoint import load_checkpoint, save_checkpoint
from archloom.train.device import choose_device
from archloom.train.recipe import Recipe
from archloom.train.rmsprop import CentredRMSprop

log = logging.getLogger(__name__)

Progress = Callable[[int, dict[str, float]], None]
"""Called after every epoch with its number (from 1) and its figures."""


@dataclass
class Outcome:
    """What a training gave.

    ``accuracy`` is the fraction of test images classified correctly after the last epoch;
    ``history`` one row per epoch (loss, learning_rate); ``seconds`` the time spent, that of
    interrupted runs included; ``weights`` the tensors by ``{id}.{name}``.
    """

    accuracy: float
    history: list[dict[str, float]]
    seconds: float
    weights: dict[str, Tensor] = field(repr=False)


def train(
    graph: Graph,
    images: Images,
    recipe: Recipe,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    *,
    checkpoint_seconds: float = 20.0,
    progress: Progress | None = None,
    device: str = "cpu",
    start: Mapping[str, Tensor] | None = None,
) -> Outcome:
    """Train ``graph`` from he-uniform weights, or from those of ``start`` (fine-tuning), and
    measure its test accuracy, a fraction.

    start : weights by node, shapes as in ``to_torch``; default: he-uniform ones of ``seed``

    The result depends on graph, images, recipe, ``seed`` and ``start`` only (on one CPU thread; a
    GPU adds up in no fixed order). ``device`` is cpu, cuda or auto; the test accuracy is measured
    in float32. With ``checkpoint`` the state is written there after an epoch when
    ``checkpoint_seconds`` have passed since the last time; a later call with the same arguments
    goes on from it and gives the same result; the file is removed at the end. Raises
    ``TrainingError`` when loss or weights are not finite (the state before that epoch is then in
    the checkpoint), ``ConfigError`` when graph and images, or recipe
    and device, do not fit, ``GraphError`` for a graph that cannot be executed and for weights of
    another graph.
    """
    _check_fit(graph, images)
    place = _choose_device(device, recipe)
    run = _Run(graph, images, recipe, seed, place, start)
    path = Path(checkpoint) if checkpoint else None
    if path is not None and path.is_file():
        run.restore(path)
    started, saved = time.perf_counter() - run.seconds, run.seconds
    for epoch in range(len(run.history), recipe.epochs):
        good = run.state() if path is not None and epoch else None
        try:
            figures = run.epoch(epoch)
        except TrainingError as error:
            if path is None or good is None:
                raise
            run.go_back(good)
            run.save(path)
            kept = f"{error} The state after epoch {epoch} is kept in {path}."
            raise TrainingError(kept) from error
        run.seconds = time.perf_counter() - started
        if path is not None and run.seconds - saved >= checkpoint_seconds:
            run.save(path)
            saved = run.seconds
        if progress is not None:
            progress(epoch + 1, figures)
    accuracy = evaluate(run.module, images, place)
    seconds = time.perf_counter() - started
    if path is not None:
        path.unlink(missing_ok=True)
    weights = {name: one.cpu().contiguous() for name, one in run.module.weights().items()}
    return Outcome(accuracy, run.history, seconds, weights)


def _digest(weights: Mapping[str, Tensor]) -> str:
    """Return what tells sets of weights apart."""
    digest = blake2b(digest_size=16)
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def evaluate(
    module: GraphModule, images: Images, device: str | torch.device = "cpu", batch_size: int = 512
) -> float:
    """Return the fraction of test images that ``module`` classifies correctly."""
    module.eval()
    hits = 0
    with torch.no_grad():
        for start in range(0, len(images.test_y), batch_size):
            part = slice(start, start + batch_size)
            pixels = torch.from_numpy(images.test_x[part]).to(device)
            logits = module(pixels.float().mul_(images.scale))
            hits += int((logits.argmax(1).cpu().numpy() == images.test_y[part]).sum())
    return hits / len(images.test_y)


class _Run:
    """The state of one training."""

    def __init__(
        self,
        graph: Graph,
        images: Images,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        start: Mapping[str, Tensor] | None,
    ) -> None:
        self.recipe, self.seed, self.device, self.scale = recipe, seed, device, images.scale
        self.layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        module = to_torch(graph, start, seed, norm_momentum=recipe.norm_momentum)
        self.module = module.to(device).to(memory_format=self.layout)  # type: ignore[call-overload]
        self.optimiser = make_optimiser(self.module, recipe)
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.identity = {
            "graph": graph.hash,
            "recipe": recipe.hash,
            "seed": str(seed),
            "start": _digest(start or {}),
        }
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0
        self.pixels = torch.from_numpy(images.train_x).to(device)
        self.labels = torch.from_numpy(images.train_y).to(device)

    def epoch(self, epoch: int) -> dict[str, float]:
        """Pass once over the training images; return and keep the epoch's figures."""
        count, size = len(self.labels), self.recipe.batch_size
        generator = epoch_generator(self.seed, epoch)
        order = torch.randperm(count, generator=generator)
        batches = max(count // size, 1)  # an incomplete batch is left out
        self.module.train()
        losses = []
        for step in range(batches):
            rate = learning_rate(self.recipe, epoch + step / batches)
            losses.append(self._step(order[step * size : (step + 1) * size], rate, generator))
        found = torch.stack(losses).double().cpu()  # once per epoch: a GPU is not kept waiting
        self._check_finite(found, epoch)
        figures = {"loss": float(found.mean()), "learning_rate": rate}
        self.history.append(figures)
        return figures

    def _step(self, chosen: Tensor, rate: float, generator: torch.Generator) -> Tensor:
        """Make one step on the images ``chosen``; return its loss, a scalar on the device."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        chosen = chosen.to(self.device)
        batch = self.pixels[chosen].float().mul_(self.scale)
        # a clone, since of one channel both layouts are called contiguous but run other kernels
        batch = augment(batch, self.recipe, generator).clone(memory_format=self.layout)
        precision = getattr(torch, self.recipe.precision)
        with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
            logits = self.module(batch)
        smoothing = self.recipe.label_smoothing
        loss = F.cross_entropy(logits.float(), self.labels[chosen], label_smoothing=smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss.detach()

    def _check_finite(self, losses: Tensor, epoch: int) -> None:
        """Raise ``TrainingError`` when a loss, or a weight that the last step left, is not."""
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            step = int(bad[0])
            what = f"the loss was {float(losses[step])} in epoch {epoch + 1}, step {step + 1}"
        elif not all(bool(one.isfinite().all()) for one in self.module.weights().values()):
            what = f"weights were not finite after epoch {epoch + 1}"
        else:
            return
        raise TrainingError(
            f"the training of graph {self.module.graph.name!r} (seed {self.seed}) diverged: {what}."
            " Lower learning_rate, or add warmup_epochs to the recipe."
        )

    def state(self) -> tuple[Any, ...]:
        """Return a copy of all that an epoch changes, but for the history."""
        parts = (self.module, self.optimiser, self.scaler)
        return deepcopy(tuple(part.state_dict() for part in parts))

    def go_back(self, state: tuple[Any, ...]) -> None:
        """Undo an epoch that was begun in ``state`` and did not end."""
        for part, values in zip((self.module, self.optimiser, self.scaler), state, strict=True):
            part.load_state_dict(values)

    def save(self, path: Path) -> None:
        """Write the state to ``path``."""
        scaler = self.scaler.state_dict()
        facts = {"history": self.history, "seconds": self.seconds, "scaler": scaler}
        save_checkpoint(path, self.module, self.optimiser, self.identity, facts)

    def restore(self, path: Path) -> None:
        """Continue from the state in ``path``."""
        facts = load_checkpoint(path, self.module, self.optimiser, self.identity)
        self.history, self.seconds = facts["history"], float(facts["seconds"])
        self.scaler.load_state_dict(facts["scaler"])
        log.info("continuing after epoch %d from %s", len(self.history), path)


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Return the generator of all random choices of one epoch."""
    state = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Return the learning rate at a fractional ``epoch`` (0 at the start)."""
    if epoch < recipe.warmup_epochs:
        return recipe.learning_rate * max(epoch / recipe.warmup_epochs, 0.01)
    if recipe.schedule == "constant":
        return recipe.learning_rate
    span = max(recipe.epochs - recipe.warmup_epochs, 1e-9)
    cosine = 0.5 * (1 + math.cos(math.pi * (epoch - recipe.warmup_epochs) / span))
    low = recipe.final_fraction
    return recipe.learning_rate * (low + (1 - low) * cosine)


def make_optimiser(module: GraphModule, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser; only convolution and matmul kernels decay."""
    tensors = list(module.parameters())
    groups = [
        {"params": [one for one in tensors if one.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [one for one in tensors if one.dim() == 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rate = recipe.learning_rate
    if recipe.optimiser == "adam":
        return torch.optim.Adam(groups, lr=rate, betas=(recipe.momentum, 0.999), fused=True)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=recipe.momentum, nesterov=True, fused=True)
    return CentredRMSprop(groups, lr=rate, momentum=recipe.momentum)


def _choose_device(name: str, recipe: Recipe) -> torch.device:
    """Return the device called ``name``; raises ``ConfigError`` when it lacks the precision."""
    device = choose_device(name)
    if recipe.precision == "float16" and device.type != "cuda":
        raise ConfigError(
            f"recipe: precision float16 needs CUDA and the device is {device}: use bfloat16 or "
            "float32."
        )
    return device


def _check_fit(graph: Graph, images: Images) -> None:
    """Raise ``ConfigError`` unless ``graph`` maps the images to one score per class."""
    taken = [tuple(shape) for shape in input_shapes(graph)[graph.sources].tolist()]
    given = [tuple(shape) for shape in output_shapes(graph)[graph.sinks].tolist()]
    if taken != [images.shape] or given != [(1, 1, images.classes)]:
        raise ConfigError(
            f"graph {graph.name!r} maps {taken} to {given} (H, W, C), but {images.name} needs "
            f"{images.shape} to (1, 1, {images.classes}): choose a skeleton with that input, or "
            "other images."
        )
