"""How architectures are drawn and mutated: by units or by blocks (AutoBuild spec 5.1 and 5.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.search.units.space import UnitSpace
from archloom.views.block_space import BlockSpace, block_space
from archloom.views.sequence import mobile_space

Flags = NDArray[np.bool_]


class Variation(Protocol):
    """Draws random architectures and mutates them."""

    @property
    def family(self) -> str:
        """Family of the architectures."""

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from another variation, as JSON values."""

    def draw(self, rng: np.random.Generator) -> str:
        """Return a random architecture."""

    def mutate(self, architecture: str, rng: np.random.Generator) -> str:
        """Return a mutant, which may equal its parent where a place has no other choice."""


@dataclass(frozen=True)
class UnitVariation:
    """Replaces whole units by others of a reduced space, or of all units (Stage-Full).

    probability : of each unit to be replaced; at least one is
    """

    space: UnitSpace
    probability: float = 0.5

    def __post_init__(self) -> None:
        _need_probabilities([self.probability])

    @property
    def family(self) -> str:
        """Family of the architectures."""
        return self.space.family

    @property
    def identity(self) -> dict[str, Any]:
        """Family, digest of the pools and probability."""
        words = "\n".join(" ".join(pool) for pool in self.space.pools)
        digest = sha256(words.encode()).hexdigest()[:16]
        return {"family": self.family, "units": digest, "probability": self.probability}

    def draw(self, rng: np.random.Generator) -> str:
        """Return a network of random units, each drawn uniformly."""
        return block_space(self.family).join([_choice(rng, pool) for pool in self.space.pools])

    def mutate(self, architecture: str, rng: np.random.Generator) -> str:
        """Return the network with some of its units replaced by random ones."""
        seen = block_space(self.family)
        units = seen.units(architecture)
        for place in np.flatnonzero(_flags(rng, [self.probability] * len(units))).tolist():
            units[place] = _choice(rng, self.space.pools[place])
        return seen.join(units)


@dataclass(frozen=True)
class LayerVariation:
    """Adds, removes or swaps single blocks of stages (Layer-Full, Layer-Insight).

    blocks        : words of the blocks that may be used; empty: all of the family
    depths        : largest number of blocks of each stage; empty: as in the family
    probabilities : of each stage to be changed; at least one is; one number counts for all
    """

    family: str
    blocks: tuple[str, ...] = ()
    depths: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        space = self._space
        stages = len(space.depths)
        fill = {
            "blocks": self.blocks or tuple(space.codes),
            "depths": self.depths or tuple(depths[-1] for depths in space.depths),
            "probabilities": self.probabilities * (stages if len(self.probabilities) == 1 else 1),
        }
        for name, value in fill.items():
            object.__setattr__(self, name, value)
        _need_probabilities(self.probabilities)
        if not len(self.depths) == len(self.probabilities) == stages or any(
            most not in allowed for most, allowed in zip(self.depths, space.depths, strict=False)
        ):
            raise ConfigError(
                f"depths {self.depths} and probabilities {self.probabilities}: {self.family} has "
                f"{stages} stages with {space.depths} blocks, give one of each per stage."
            )
        foreign = sorted(set(self.blocks) - set(space.codes))
        if foreign:
            raise ConfigError(
                f"{self.family} has no block {foreign[0]!r}: write some of "
                f"{', '.join(space.codes)}."
            )

    @property
    def identity(self) -> dict[str, Any]:
        """The settings."""
        return asdict(self)

    @property
    def _space(self) -> BlockSpace:
        return block_space(self.family)

    def draw(self, rng: np.random.Generator) -> str:
        """Return a network with random numbers of random blocks."""
        stages = []
        for allowed, most in zip(self._space.depths, self.depths, strict=True):
            depth = int(rng.integers(allowed[0], most + 1))
            stages.append([_choice(rng, self.blocks) for _ in range(depth)])
        return self._join(stages)

    def mutate(self, architecture: str, rng: np.random.Generator) -> str:
        """Return the network with one block added, removed or swapped in some of its stages."""
        stages = [list(blocks) for blocks in self._space.parse(architecture)]
        for index in np.flatnonzero(_flags(rng, self.probabilities)).tolist():
            self._change(stages[index], self._space.depths[index][0], self.depths[index], rng)
        return self._join(stages)

    def _change(self, blocks: list[str], least: int, most: int, rng: np.random.Generator) -> None:
        """Add, remove or swap a block, what is possible with equal probability."""
        possible = ["swap"]
        possible += ["add"] if len(blocks) < most else []
        possible += ["remove"] if len(blocks) > least else []
        action = _choice(rng, possible)
        if action == "add":
            blocks.insert(int(rng.integers(len(blocks) + 1)), _choice(rng, self.blocks))
            return
        at = int(rng.integers(len(blocks)))
        if action == "remove":
            del blocks[at]
        else:
            others = [one for one in self.blocks if one != blocks[at]]
            blocks[at] = _choice(rng, others or self.blocks)

    def _join(self, stages: Sequence[Sequence[str]]) -> str:
        words = [",".join(blocks) for blocks in stages]
        return self._space.join(
            ["|".join(words[first : last + 1]) for first, last in self._space.spans]
        )


@dataclass(frozen=True)
class Insight:
    """What BlockProfile's authors found by hand for a device (AutoBuild spec 5.2).

    excluded      : blocks that do not pay
    depths        : largest number of blocks per stage, by family
    probabilities : of each of the stages to be changed, the last one for all further stages
    """

    excluded: tuple[str, ...] = ()
    depths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    probabilities: tuple[float, ...] = (0.5,)


INSIGHTS: Mapping[str, Insight] = {
    "npu": Insight(("e3k7", "e4k7", "e6k7"), probabilities=(0.25, 0.25, 0.25, 0.5)),
    "gpu": Insight(
        ("e3k3", "e3k7", "e4k3"), {"ofa_mbv3": (4, 3, 4, 3, 3), "ofa_pn": (3, 3, 3, 4, 4, 1)}
    ),
    "cpu": Insight(depths={"ofa_mbv3": (3, 3, 3, 4, 4), "ofa_pn": (3, 3, 4, 4, 4, 1)}),
    "n10": Insight(("e3k7", "e4k7"), {"ofa_mbv3": (3, 4, 4, 4, 4)}),
    "max_acc": Insight(("e3k3", "e3k5", "e3k7", "e4k3")),
}


def layer_insight(family: str, device: str) -> LayerVariation:
    """Return the baseline Layer-Insight for a device, one of ``INSIGHTS``.

    Raises ``ConfigError`` for an unknown device, and for other families than Once-for-All ones.
    """
    if device not in INSIGHTS:
        raise ConfigError(f"no insights for device {device!r}: write {', '.join(INSIGHTS)}.")
    mobile_space(family)
    insight, space = INSIGHTS[device], block_space(family)
    missing = len(space.depths) - len(insight.probabilities)
    return LayerVariation(
        family,
        tuple(block for block in space.codes if block not in insight.excluded),
        insight.depths.get(family, ()),
        (*insight.probabilities, *insight.probabilities[-1:] * missing),
    )


def _choice(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def _flags(rng: np.random.Generator, probabilities: Sequence[float]) -> Flags:
    """Return which places change: at least one."""
    while True:
        flags = np.asarray(rng.random(len(probabilities)) < probabilities)
        if flags.any():
            return flags


def _need_probabilities(values: Sequence[float]) -> None:
    """Raise ``ConfigError`` unless all are shares and some change is possible."""
    if not all(0 <= value <= 1 for value in values) or not any(values):
        raise ConfigError(
            f"probabilities {tuple(values)} of a change: write shares from 0 to 1, not all of them "
            "0."
        )
