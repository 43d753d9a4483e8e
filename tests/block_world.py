"""Made-up figures of block networks for searches in tests: sums of expansions and of kernels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from archloom.search.figures import Costly, Value
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


@dataclass(eq=False)
class SumOf(Costly[str]):
    """Sums the expansions (place 1 of a block's word) or the kernels (place 3)."""

    place: int = field(kw_only=True)

    @property
    def identity(self) -> str:
        return f"sum of {self.place}"

    def values(self, networks: Sequence[str]) -> list[Value]:
        return [self._sum(one) for one in networks]

    def _sum(self, architecture: str) -> float:
        stages = block_space("ofa_mbv3").parse(architecture)
        return float(sum(int(block[self.place]) for stage in stages for block in stage))


def figures() -> list[SumOf]:
    """More expansion is better, more kernel is worse."""
    return [SumOf("gain", maximise=True, place=1), SumOf("cost", place=3)]
