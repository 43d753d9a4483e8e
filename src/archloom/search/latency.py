"""Latency of graphs as a figure: estimated from operators, measured, or looked up in a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.search.figures import Costly, Value
from archloom.train.latency import Timing, latency_rounds, reference_network
from archloom.train.latency_table import FREE, LatencyTable, measure_table, read_table

NAME, UNIT = "latency", "ms"
_TOGETHER = 8  # networks that are measured in the same rounds


@dataclass(eq=False)
class TabledLatency(Costly[Graph]):
    """The sum over the operators of a graph in a given table."""

    name: str = NAME
    unit: str = UNIT
    table: LatencyTable = field(kw_only=True)

    @classmethod
    def read(cls, path: str | Path, name: str = NAME) -> Self:
        """Read the table; raises ``DataError`` or ``FormatError``."""
        return cls(name, source=f"operators in {Path(path).name}", table=read_table(path))

    @property
    def identity(self) -> str:
        """The table's size and sum stand for its content."""
        entries = self.table.entries
        return f"table of {len(entries)} operators, {sum(entries.values()):.6g} ms"

    def values(self, networks: Sequence[Graph]) -> list[Value]:
        """Return the sums in ms."""
        return list(self.table.latencies(networks))


@dataclass(eq=False)
class LatencyHere(Costly[Graph]):
    """Latency on this machine; what a search ends with is measured again."""

    name: str = NAME
    unit: str = UNIT
    timing: Timing = field(default_factory=Timing, kw_only=True)

    how: ClassVar[str]
    """What is measured, in words."""

    def __post_init__(self) -> None:
        self.source = self.source or f"{self.how} on this machine ({self.timing.words})"

    @property
    def identity(self) -> str:
        """Kind and timing; times themselves vary."""
        return f"{type(self).__name__} {sorted(asdict(self.timing).items())}"

    def values(self, networks: Sequence[Graph]) -> list[Value]:
        """Return latencies in ms; a graph that cannot be run has a reason instead."""
        try:
            return list(self._latencies(networks))
        except GraphError as error:
            if len(networks) == 1:
                return [str(error)]
            return [value for graph in networks for value in self.values([graph])]

    @abstractmethod
    def _latencies(self, graphs: Sequence[Graph]) -> Sequence[Value]:
        """Return latencies in ms; raises ``GraphError`` if one of the graphs cannot be run."""


@dataclass(eq=False)
class EstimatedLatency(LatencyHere):
    """The sum over the operators of a graph; an operator is measured when it is met first.

    A few hundred operators make up the thousands of graphs of a search, so this takes seconds where
    measuring every graph takes hours.
    """

    how = "sum of operators measured"
    table: LatencyTable = field(
        default_factory=lambda: LatencyTable({FREE: 0.0}), repr=False, kw_only=True
    )

    def _latencies(self, graphs: Sequence[Graph]) -> Sequence[Value]:
        if graphs:
            self.table = measure_table(graphs, self.timing, self.table)
        return self.table.latencies(graphs)


@dataclass(eq=False)
class MeasuredLatency(LatencyHere):
    """The time of one inference, every graph measured by itself.

    yardstick   time of the reference network in ms when it was first measured; all times are stated
                at that speed of the machine
    """

    how = "measured"
    yardstick: float = field(default=0.0, kw_only=True)

    def _latencies(self, graphs: Sequence[Graph]) -> Sequence[Value]:
        found: list[Value] = []
        for start in range(0, len(graphs), _TOGETHER):
            part = [reference_network(), *graphs[start : start + _TOGETHER]]
            rounds = latency_rounds(part, self.timing)
            self.yardstick = self.yardstick or float(np.median(rounds[:, 0]))
            found += (self.yardstick * np.median(rounds[:, 1:] / rounds[:, :1], axis=0)).tolist()
        return found
