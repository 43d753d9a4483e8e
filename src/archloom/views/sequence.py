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
from archloom.spaces import FAMILIES
from archloom.spaces.ofa_mobile import EXPANSIONS, KERNELS, MobileSpace

STAGE, LAYER, KIND, EXPANSION, KERNEL = range(5)
"""Columns of a code row."""
RESOLUTION = 224
"""Input size in pixels that units are scored at, and that labels are of unless they say else."""
_KINDS = {"ofa_mbv3": 1, "ofa_mbv3_w10": 1, "ofa_pn": 0}
"""What the published predictors call mbconv3 (1) and mbconv2 (0)."""


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
        """Return the graphs of these indices, in this order."""
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
    """Return a family of block networks; raises ``ConfigError`` for any other family."""
    space = FAMILIES.get(family)
    if not isinstance(space, MobileSpace):
        raise ConfigError(
            f"{family!r} is no family of block networks: write one of {', '.join(_KINDS)}."
        )
    return space


def kind_of(space: MobileSpace) -> int:
    """Return the code of the family's kind of block."""
    return _KINDS[space.FAMILY]


def scaled_resolution(pixels: float) -> float:
    """Return an input size as the predictors see it."""
    return (pixels - 192) / 32


def sequence_graphs(
    space: MobileSpace, architectures: Sequence[str], resolution: int = RESOLUTION
) -> Sequences:
    """Return the sequence graphs of architectures; raises ``GraphError`` outside the space.

    resolution : height and width of the input in pixels
    """
    kind = kind_of(space)
    rows = [
        [
            (stage, layer, kind, EXPANSIONS.index(expansion), KERNELS.index(kernel))
            for stage, blocks in enumerate(space.parse(architecture))
            for layer, (expansion, kernel) in enumerate(blocks)
        ]
        for architecture in architectures
    ]
    codes = np.array([row for one in rows for row in one], dtype=np.int64).reshape(-1, 5)
    ptr = np.cumsum([0, *map(len, rows)])
    parent = np.arange(len(codes)) - 1
    parent[ptr[:-1]] = -1
    pixels = np.full(len(codes), scaled_resolution(resolution), dtype=np.float32)
    return Sequences(codes, pixels, parent, ptr)
