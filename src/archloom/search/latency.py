"""Latency as an objective: estimated from operators, measured, or looked up in a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.search.objectives import Costly, Figure
from archloom.shards import chunks
from archloom.train.latency import Timing, latency_rounds, reference_network
from archloom.train.latency_table import FREE, LatencyTable, measure_table, read_table

NAME, UNIT = "latency", "ms"
_TOGETHER = 8  # networks that are measured in the same rounds


@dataclass(eq=False)
class TabledLatency(Costly):
    """The sum over the operators of a graph in a given table."""

    name: str = NAME
    unit: str = UNIT
    table: LatencyTable = field(kw_only=True)
    file: str = ""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the table; raises ``DataError`` or ``FormatError``."""
        return cls(table=read_table(path), file=str(path))

    @property
    def identity(self) -> str:
        """The table's size and sum stand for its content."""
        entries = self.table.entries
        return f"table of {len(entries)} operators, {sum(entries.values()):.6g} ms"

    def describe(self) -> dict[str, Any]:
        """Return name, unit, direction and source."""
        return super().describe() | {"source": f"operators in {Path(self.file).name}"}

    def values(self, graphs: Sequence[Graph]) -> list[Figure]:
        """Return the sums in ms."""
        return list(self.table.latencies(graphs))


@dataclass(eq=False)
class LatencyHere(Costly):
    """Latency on this machine; what a search ends with is measured again."""

    timing: Timing = field(default_factory=Timing)
    name: str = NAME
    unit: str = UNIT

    @property
    def identity(self) -> str:
        """Kind and timing; times themselves vary."""
        return f"{type(self).__name__} {sorted(asdict(self.timing).items())}"

    def values(self, graphs: Sequence[Graph]) -> list[Figure]:
        """Return latencies in ms; a graph that cannot be run has a reason instead."""
        try:
            return list(self._latencies(graphs))
        except GraphError as error:
            if len(graphs) == 1:
                return [str(error)]
            return [figure for graph in graphs for figure in self.values([graph])]

    @abstractmethod
    def _latencies(self, graphs: Sequence[Graph]) -> Sequence[Figure]:
        """Return latencies in ms; raises ``GraphError`` if one of the graphs cannot be run."""


@dataclass(eq=False)
class EstimatedLatency(LatencyHere):
    """The sum over the operators of a graph; an operator is measured when it is met first.

    A few hundred operators make up the thousands of graphs of a search, so this takes seconds where
    measuring every graph takes hours.
    """

    table: LatencyTable = field(default_factory=lambda: LatencyTable({FREE: 0.0}), repr=False)

    def describe(self) -> dict[str, Any]:
        """Return name, unit, direction and source."""
        source = f"sum of operators measured on this machine ({self.timing.words})"
        return super().describe() | {"source": source}

    def _latencies(self, graphs: Sequence[Graph]) -> Sequence[Figure]:
        if graphs:
            self.table = measure_table(graphs, self.timing, self.table)
        return self.table.latencies(graphs)


@dataclass(eq=False)
class MeasuredLatency(LatencyHere):
    """The time of one inference, every graph measured by itself.

    yardstick   time of the reference network in ms when it was first measured; all times are stated
                at that speed of the machine
    """

    yardstick: float = 0.0

    def describe(self) -> dict[str, Any]:
        """Return name, unit, direction and source."""
        source = f"measured on this machine ({self.timing.words})"
        return super().describe() | {"source": source}

    def _latencies(self, graphs: Sequence[Graph]) -> Sequence[Figure]:
        found: list[Figure] = []
        for part in chunks(graphs, _TOGETHER):
            rounds = latency_rounds([reference_network(), *part], self.timing)
            self.yardstick = self.yardstick or float(np.median(rounds[:, 0]))
            found += (self.yardstick * np.median(rounds[:, 1:] / rounds[:, :1], axis=0)).tolist()
        return found
