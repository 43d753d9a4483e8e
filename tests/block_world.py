"""Made-up figures of block networks for searches in tests: sums of expansions and of kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archloom.search.units.figures import Figure
from archloom.search.units.space import UnitSpace
from archloom.views.block_space import block_space

SMALL = UnitSpace(
    "ofa_mbv3",
    "made up",
    (
        ("e3k3,e3k3", "e6k7,e6k7"),
        ("e4k5,e3k3,e6k3", "e3k3,e3k3", "e6k7,e6k7"),
        ("e3k3,e4k3",),
        ("e6k5,e6k5", "e3k3,e3k3"),
        ("e3k7,e3k7,e3k7,e3k7", "e4k3,e4k3"),
    ),
    ((2.0, 1.0), (0.5, 0.25, 0.125), (0.0,), (1.0, 1.0), (0.1, -3.0)),
)
"""A space of 24 networks."""


@dataclass(frozen=True)
class SumOf:
    """Sums the expansions (place 1 of a block's word) or the kernels (place 3)."""

    place: int

    @property
    def identity(self) -> str:
        return f"sum of {self.place}"

    def __call__(self, architectures: Sequence[str]) -> np.ndarray:
        return np.array([self._sum(one) for one in architectures], dtype=np.float64)

    def _sum(self, architecture: str) -> float:
        stages = block_space("ofa_mbv3").parse(architecture)
        return float(sum(int(block[self.place]) for stage in stages for block in stage))


def figures() -> list[Figure]:
    """More expansion is better, more kernel is worse."""
    return [Figure("gain", SumOf(1), maximise=True), Figure("cost", SumOf(3))]
