"""Sequence graphs of block networks: one node per block (AutoBuild spec 1.3).

A node has at most one predecessor, so several graphs are rows and the row before each. The same
form holds trees, in which units with a common beginning share its nodes (``archloom.views.units``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.spaces import FAMILIES, Skeleton, Space
from archloom.spaces.ofa_mobile import MobileSpace
from archloom.views.block_space import block_space

STAGE, LAYER, KIND, EXPANSION, KERNEL = range(5)
"""Columns of a code row."""
RESOLUTION = 224
"""Input size in pixels that units are scored at, and that labels are of unless they say else. It
also stands for the one size of families that have no other.
"""
Pixels = int | NDArray[np.integer]
"""Height and width of the input: one of all networks, or (G,) of each."""


@dataclass(frozen=True)
class Sequences:
    """Nodes of several graphs.

    codes      : (N, 5) stage, index in the stage, kind of block, index of expansion and kernel
    resolution : (N,) float32 input size, (pixels - 192) / 32
    parent     : (N,) row of the block before, -1 for a first block; a parent precedes its child
    ptr        : (G + 1,) first row of each graph, then N
    """

    codes: NDArray[np.int64]
    resolution: NDArray[np.float32]
    parent: NDArray[np.int64]
    ptr: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def take(self, graphs: NDArray[np.integer]) -> Sequences:
        """Return the graphs of these indices (k,), in this order."""
        sizes = np.diff(self.ptr)[graphs]
        ptr = np.concatenate([[0], np.cumsum(sizes)])
        moved = np.repeat(ptr[:-1] - self.ptr[graphs], sizes)
        rows = np.arange(ptr[-1]) - moved
        parent = self.parent[rows]
        return Sequences(
            self.codes[rows],
            self.resolution[rows],
            np.where(parent < 0, -1, parent + moved),
            ptr,
        )


def mobile_space(family: str) -> MobileSpace:
    """Return a Once-for-All family of blocks; raises ``ConfigError`` for any other family."""
    space = FAMILIES.get(family)
    if not isinstance(space, MobileSpace):
        known = [name for name, one in FAMILIES.items() if isinstance(one, MobileSpace)]
        raise ConfigError(
            f"{family!r} is no Once-for-All family of blocks: write one of {', '.join(known)}."
        )
    return space


def block_family(family: str) -> Space:
    """Return a family of block networks; raises ``ConfigError`` for any other family."""
    block_space(family)
    return FAMILIES[family]


def skeleton_at(family: str, resolution: int = RESOLUTION) -> Skeleton:
    """Return the skeleton of a family's networks for an input size in pixels. A family of one size
    has it at ``RESOLUTION`` and raises ``ConfigError`` for any other.
    """
    full = block_family(family).FULL
    if block_space(family).sizes:
        return full.resized(resolution)
    if resolution != RESOLUTION:
        raise ConfigError(
            f"resolution {resolution}: networks of {family} have one input size, "
            f"{full.shape[0]} pixels. Leave the resolution out."
        )
    return full


def scaled_resolution(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return input sizes in ``pixels`` (G,) as the predictors see them, (G,) around 0."""
    return (pixels - 192) / 32


def sequence_graphs(
    space: Space, architectures: Sequence[str], resolution: Pixels = RESOLUTION
) -> Sequences:
    """Return the sequence graphs of G architectures.

    resolution : input size in pixels, one for all or (G,)

    Raises ``GraphError`` outside the space and ``ConfigError`` for a space without blocks.
    """
    seen = block_space(space.FAMILY)
    rows = [
        [
            (stage, layer, seen.kind, *seen.codes[block])
            for stage, blocks in enumerate(seen.parse(architecture))
            for layer, block in enumerate(blocks)
        ]
        for architecture in architectures
    ]
    codes = np.array([row for one in rows for row in one], dtype=np.int64).reshape(-1, 5)
    sizes = [len(one) for one in rows]
    ptr = np.cumsum([0, *sizes])
    parent = np.arange(len(codes)) - 1
    parent[ptr[:-1]] = -1
    scaled = scaled_resolution(np.broadcast_to(resolution, len(rows)).astype(np.float64))
    return Sequences(codes, np.repeat(scaled.astype(np.float32), sizes), parent, ptr)
