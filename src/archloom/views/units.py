"""Units: all sequences of blocks that a stage can have (AutoBuild spec 3.2).

They form a forest: a unit is the node of its last block, and what a predictor knows there it knows
of exactly the unit. ``archloom.views.block_space`` says what the units of a family are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archloom.spaces import Space
from archloom.views.block_space import BlockSpace, block_space
from archloom.views.sequence import RESOLUTION, Sequences, scaled_resolution


@dataclass(frozen=True)
class Units:
    """All units of a family.

    forest : nodes of all units; its ptr bounds the trees of the units
    node   : (U,) row of each unit's last block
    unit   : (U,) which unit of the network it may be, from 0
    size   : (U,) number of blocks
    blocks : the blocks of each, in the words of an architecture string
    """

    forest: Sequences
    node: NDArray[np.int64]
    unit: NDArray[np.int64]
    size: NDArray[np.int64]
    blocks: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.node)


def largest_unit(space: Space) -> int:
    """Return the largest number of blocks of a unit."""
    seen = block_space(space.FAMILY)
    return max(seen.depths[first][-1] + last - first for first, last in seen.spans)


def unit_sizes(space: Space, architecture: str) -> list[int]:
    """Return the number of blocks of each unit of an architecture."""
    seen = block_space(space.FAMILY)
    stages = seen.parse(architecture)
    return [sum(len(blocks) for blocks in stages[first : last + 1]) for first, last in seen.spans]


def all_units(space: Space, resolution: int = RESOLUTION) -> Units:
    """Return every unit of a family for one input size in pixels: 36,855 of ``ofa_mbv3``, 95,823 of
    ``ofa_pn``, 155 of ``nb201`` and 51 of ``nb_macro``.
    """
    seen = block_space(space.FAMILY)
    grown = _Forest(seen)
    for unit, (first, last) in enumerate(seen.spans):
        grown.add(unit, first, last, seen.depths[first])
    return grown.units(scaled_resolution(np.array(resolution, dtype=np.float64)))


class _Forest:
    """Units as they are enumerated, level by level."""

    def __init__(self, space: BlockSpace) -> None:
        self.space = space
        self.codes: list[NDArray[np.int64]] = []
        self.parents: list[NDArray[np.int64]] = []
        self.found: list[tuple[NDArray[np.int64], int, int]] = []
        self.words: list[str] = []
        self.ptr = [0]
        self.n_nodes = 0

    def add(self, unit: int, first: int, last: int, depths: tuple[int, ...]) -> None:
        """Add a unit whose first stage has one of ``depths`` blocks and each other stage one."""
        level, words = np.array([-1]), [""]
        for depth in range(1, depths[-1] + 1):
            level, words = self._grow(level, words, first, depth - 1, "," if depth > 1 else "")
            if depth in depths:
                ends, texts = level, words
                for stage in range(first + 1, last + 1):
                    ends, texts = self._grow(ends, texts, stage, 0, "|")
                kept = [i for i, text in enumerate(texts) if self.space.distinct(text)]
                self.found.append((ends[kept], unit, depth + last - first))
                self.words += [texts[i] for i in kept]
        self.ptr.append(self.n_nodes)

    def _grow(
        self, parents: NDArray[np.int64], words: list[str], stage: int, layer: int, mark: str
    ) -> tuple[NDArray[np.int64], list[str]]:
        """Give every node all children; return their rows and words."""
        blocks = self.space.codes
        choices = np.tile(np.array(list(blocks.values())), (len(parents), 1))
        fixed = np.tile([stage, layer, self.space.kind], (len(choices), 1))
        self.codes.append(np.hstack([fixed, choices]))
        self.parents.append(np.repeat(parents, len(blocks)))
        rows = self.n_nodes + np.arange(len(choices))
        self.n_nodes += len(choices)
        return rows, [f"{word}{mark}{block}" for word in words for block in blocks]

    def units(self, resolution: NDArray[np.float64]) -> Units:
        """Return what was added."""
        forest = Sequences(
            np.concatenate(self.codes),
            np.full(self.n_nodes, resolution, dtype=np.float32),
            np.concatenate(self.parents),
            np.array(self.ptr),
        )
        sizes = [len(nodes) for nodes, _, _ in self.found]
        unit, size = (np.repeat([row[i] for row in self.found], sizes) for i in (1, 2))
        node = np.concatenate([nodes for nodes, _, _ in self.found])
        return Units(forest, node, unit, size, tuple(self.words))
