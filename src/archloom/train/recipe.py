"""Training recipes: everything besides graph, images and seed that decides a measured accuracy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

from archloom.errors import ConfigError

Optimiser = Literal["adam", "sgd", "rmsprop"]
Schedule = Literal["cosine", "constant"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; equal recipes have equal hashes.

    Rates are per step. The learning rate rises linearly over ``warmup_epochs``, then follows
    ``schedule``; a cosine ends at ``final_fraction`` of ``learning_rate``. ``weight_decay`` adds
    that multiple of every convolution and matmul kernel to its gradient. ``norm_momentum`` is the
    new batch's share in running statistics. ``zoom`` and ``shift`` (a share of the side) are the
    largest random changes of an image, drawn per axis; ``flip`` mirrors half of the images.
    ``precision`` is that of convolutions and matmuls; weights and loss stay in float32 (float16,
    which needs CUDA, scales the loss). ``channels_last`` lays images out as (N, H, W, C).
    """

    dataset: str = "digits"
    epochs: int = 5
    batch_size: int = 100
    optimiser: Optimiser = "adam"
    learning_rate: float = 0.02
    momentum: float = 0.9
    schedule: Schedule = "cosine"
    final_fraction: float = 0.001
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    norm_momentum: float = 0.1
    flip: bool = False
    zoom: float = 0.0
    shift: float = 0.0
    precision: Precision = "float32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"recipe: {name} is {getattr(self, name)}; it must be above 0.")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"recipe: {name} is {getattr(self, name)!r}; it must be one of "
                    f"{', '.join(known)}."
                )

    @property
    def hash(self) -> str:
        """16 hex digits of the SHA-256 of the recipe's canonical JSON.

        Fields that came later are left out at their defaults, so that older labels keep their
        recipe.
        """
        values = asdict(self)
        for name, default in _LATER.items():
            if values[name] == default:
                del values[name]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe of ``values``: those of the named recipe of its dataset, changed.

        None changes nothing; ``short`` (True) begins with the dataset's short recipe. Raises
        ``ConfigError`` for an unknown key or value.
        """
        changes = {key: value for key, value in values.items() if value is not None}
        short = changes.pop("short", False)
        known = [field.name for field in fields(cls)]
        for key in changes:
            if key not in known:
                close = get_close_matches(key, [*known, "short"], n=1) or known
                raise ConfigError(f"recipe: {key!r} is not a setting; did you mean {close[0]}?")
        dataset = str(changes.get("dataset", "digits"))
        base = recipe_named(f"{dataset}-short" if short else dataset)
        return cls(**{**asdict(base), **changes})


_CHOICES: dict[str, tuple[str, ...]] = {
    "optimiser": get_args(Optimiser),
    "schedule": get_args(Schedule),
    "precision": get_args(Precision),
}
_LATER = {"precision": "float32", "channels_last": False}

RECIPES: dict[str, Recipe] = {
    # A few seconds per network; short, so that architectures differ by more than the noise.
    "digits": Recipe(epochs=5, batch_size=100, learning_rate=0.02),
    # AutoGO spec 5.8. Keras' L2 of 1e-5 adds twice that multiple to the gradient.
    "cifar10": Recipe(
        dataset="cifar10",
        epochs=200,
        batch_size=256,
        optimiser="rmsprop",
        learning_rate=1e-3,
        weight_decay=2e-5,
        norm_momentum=0.01,
        flip=True,
        zoom=0.2,
    ),
    # Our own: ranks architectures in a sixteenth of the paper's epochs, not its accuracies.
    "cifar10-short": Recipe(
        dataset="cifar10",
        epochs=12,
        batch_size=256,
        optimiser="sgd",
        learning_rate=0.1,
        warmup_epochs=2,
        weight_decay=5e-4,
        label_smoothing=0.1,
        flip=True,
        shift=0.125,
        precision="bfloat16",
        channels_last=True,
    ),
}
"""Recipes by name; that of a dataset has its name, its short one the ending -short."""


def recipe_named(name: str) -> Recipe:
    """Return the recipe called ``name``; raises ``ConfigError`` with the known names."""
    if name not in RECIPES:
        raise ConfigError(f"There is no recipe {name!r}: use one of {', '.join(RECIPES)}.")
    return RECIPES[name]
