"""Units: all sequences of blocks that a stage can have (AutoBuild spec 3.2).

They form a forest: a unit is the node of its last block, and what a predictor knows there it knows
of exactly the unit. A stage of one block is part of the unit before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from archloom.spaces.ofa_mobile import EXPANSIONS, KERNELS, MobileSpace
from archloom.views.sequence import RESOLUTION, Sequences, kind_of, scaled_resolution

_CHOICES = tuple(product(range(len(EXPANSIONS)), range(len(KERNELS))))
_WORDS = tuple(f"e{EXPANSIONS[e]}k{KERNELS[k]}" for e, k in _CHOICES)


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


def unit_spans(space: MobileSpace) -> list[tuple[int, int]]:
    """Return first and last stage of each unit."""
    firsts = [i for i, stage in enumerate(space.stages) if stage.depths != (1,)]
    ends = [*firsts[1:], len(space.stages)]
    return [(first, end - 1) for first, end in zip(firsts, ends, strict=True)]


def largest_unit(space: MobileSpace) -> int:
    """Return the largest number of blocks of a unit."""
    return max(space.stages[first].depths[-1] + last - first for first, last in unit_spans(space))


def unit_sizes(space: MobileSpace, architecture: str) -> list[int]:
    """Return the number of blocks of each unit of an architecture."""
    stages = space.parse(architecture)
    return [
        sum(len(blocks) for blocks in stages[first : last + 1]) for first, last in unit_spans(space)
    ]


def all_units(space: MobileSpace, resolution: int = RESOLUTION) -> Units:
    """Return every unit of a family for one input size: 36,855 of ``ofa_mbv3``, 95,823 of
    ``ofa_pn``.
    """
    grown = _Forest(kind_of(space))
    for unit, (first, last) in enumerate(unit_spans(space)):
        grown.add(unit, first, last, space.stages[first].depths)
    return grown.units(scaled_resolution(resolution))


class _Forest:
    """Units as they are enumerated, level by level."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
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
                self.found.append((ends, unit, depth + last - first))
                self.words += texts
        self.ptr.append(self.n_nodes)

    def _grow(
        self, parents: NDArray[np.int64], words: list[str], stage: int, layer: int, mark: str
    ) -> tuple[NDArray[np.int64], list[str]]:
        """Give every node all children; return their rows and words."""
        choices = np.tile(np.array(_CHOICES), (len(parents), 1))
        fixed = np.tile([stage, layer, self.kind], (len(choices), 1))
        self.codes.append(np.hstack([fixed, choices]))
        self.parents.append(np.repeat(parents, len(_CHOICES)))
        rows = self.n_nodes + np.arange(len(choices))
        self.n_nodes += len(choices)
        return rows, [f"{word}{mark}{block}" for word in words for block in _WORDS]

    def units(self, resolution: float) -> Units:
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
