"""Training of one graph as a network on images, by the loop of ``archloom.train.loop``: on one
thread deterministic, resumable after a kill.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
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
from archloom.train import loop
from archloom.train.augment import augment
from archloom.train.checkpoint import Optimiser
from archloom.train.device import choose_device
from archloom.train.recipe import Recipe
from archloom.train.rmsprop import CentredRMSprop

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
    the checkpoint) and for a checkpoint that cannot be continued, ``ConfigError`` when graph and
    images, or recipe and device, do not fit, ``GraphError`` for a graph that cannot be executed and
    for weights of another graph.
    """
    _check_fit(graph, images)
    place = _choose_device(device, recipe)
    task = _ImageTask(graph, images, recipe, seed, place, start)
    path = Path(checkpoint) if checkpoint else None

    def tell(record: loop.EpochRecord) -> None:
        if progress is not None:
            progress(record.epoch, _figures(vars(record)))

    try:
        done = loop.train(
            task,
            _Schedule(recipe, seed),
            checkpoint=path,
            checkpoint_seconds=checkpoint_seconds,
            on_epoch=tell,
        )
    except TrainingError as error:
        raise TrainingError(f"graph {graph.name!r} (seed {seed}): {error}") from error
    started = time.perf_counter()
    accuracy = evaluate(task.network, images, place)
    seconds = done.seconds + time.perf_counter() - started
    if path is not None:
        path.unlink(missing_ok=True)
    weights = {name: one.cpu().contiguous() for name, one in task.network.weights().items()}
    return Outcome(accuracy, [_figures(row) for row in done.history], seconds, weights)


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    """Return what is told of an epoch."""
    return {name: row[name] for name in ("loss", "learning_rate")}


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


@dataclass(frozen=True)
class _Schedule:
    """A recipe as the loop takes it: rates change with every step."""

    recipe: Recipe
    seed: int

    @property
    def epochs(self) -> int:
        return self.recipe.epochs

    def rate(self, epoch: float) -> float:
        return learning_rate(self.recipe, epoch)

    @property
    def advice(self) -> str:
        return "lower learning_rate, or add warmup_epochs to the recipe"


class _ImageTask:
    """Training task of a graph on images; a batch is (B,) numbers of images."""

    dev = None

    def __init__(
        self,
        graph: Graph,
        images: Images,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        start: Mapping[str, Tensor] | None,
    ) -> None:
        self.recipe, self.device, self.scale = recipe, device, images.scale
        self.layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        module = to_torch(graph, start, seed, norm_momentum=recipe.norm_momentum)
        self.network: GraphModule = module.to(device).to(memory_format=self.layout)  # type: ignore[call-overload]
        self.digest = f"graph {graph.hash}, start {_digest(start or {})}"
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.pixels = torch.from_numpy(images.train_x).to(device)
        self.labels = torch.from_numpy(images.train_y).to(device)

    def optimiser(self) -> Optimiser:
        """Return the recipe's optimiser; in float16 it takes scaled gradients."""
        optimiser = make_optimiser(self.network, self.recipe)
        return _Scaled(optimiser, self.scaler) if self.scaler.is_enabled() else optimiser

    def batches(self, rng: np.random.Generator) -> list[Tensor]:
        """Return the images in random order; an incomplete batch is left out."""
        self.generator = torch_generator(rng)
        count, size = len(self.labels), self.recipe.batch_size
        order = torch.randperm(count, generator=self.generator)
        return [order[at * size : (at + 1) * size] for at in range(max(count // size, 1))]

    def gradient(self, batch: Tensor) -> Tensor:
        """Leave the gradient of the images of these numbers; return their loss."""
        chosen = batch.to(self.device)
        pixels = self.pixels[chosen].float().mul_(self.scale)
        # a clone, since of one channel both layouts are called contiguous but run other kernels
        pixels = augment(pixels, self.recipe, self.generator).clone(memory_format=self.layout)
        precision = getattr(torch, self.recipe.precision)
        with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
            logits = self.network(pixels)
        smoothing = self.recipe.label_smoothing
        loss = F.cross_entropy(logits.float(), self.labels[chosen], label_smoothing=smoothing)
        for one in self.network.parameters():
            one.grad = None
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()


class _Scaled:
    """An optimiser that takes scaled gradients; the scale is part of its state."""

    def __init__(self, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        self.inner, self.scaler = optimiser, scaler

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of the optimiser."""
        return self.inner.param_groups

    def step(self) -> None:
        """Make a step, unless a gradient is not finite, and adapt the scale."""
        self.scaler.step(self.inner)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Return the optimiser's state and, as entry ``scale``, that of the scale."""
        state = self.inner.state_dict()
        return {**state, "state": {**state["state"], "scale": self.scaler.state_dict()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned, or the same as tensors."""
        moments = dict(state_dict["state"])
        scale = {name: torch.as_tensor(one).item() for name, one in moments.pop("scale").items()}
        self.inner.load_state_dict({**state_dict, "state": moments})
        self.scaler.load_state_dict(scale)


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """Return a generator of PyTorch's random numbers with the seed of one of NumPy's."""
    state = rng.bit_generator.seed_seq.generate_state(1, np.uint64)[0]
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
