"""The 0-1 program that a reduced shape-propagation problem leaves for a solver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Key = tuple[int, int]
"""Axis and root of a tensor class."""


@dataclass
class Program:
    """A 0-1 program by rows: minimise cost x, lower <= row x <= upper; columns are >= 0.

    ``binary`` tells binaries from continuous columns; ``keys`` names each binary's class and value.
    """

    cost: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    binary: list[bool] = field(default_factory=list)
    columns: dict[Key, range] = field(default_factory=dict)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def add_columns(self, costs: Iterable[float], upper: float, *, binary: bool) -> range:
        """Append columns and return their indices."""
        first = len(self.cost)
        self.cost.extend(costs)
        count = len(self.cost) - first
        self.upper.extend([upper] * count)
        self.binary.extend([binary] * count)
        return range(first, first + count)
