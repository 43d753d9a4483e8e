"""Figures: the numbers that a search looks at, by name, unit and direction.

A figure is of networks, which are graphs or, where networks are made of blocks, architecture
strings; ``OfGraphs`` makes the first kind from the second. What costs next to nothing is a
``Count``, all else is ``Costly``; the predicted score is filled in by whoever mutates. How people
name figures is ``archloom.search.objectives``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.graph import Graph, disjoint_union, node_flops, node_parameters, parameters
from archloom.graph.memory import peak_activations

Value = float | str
"""A number, or in words why there is none."""

Network = TypeVar("Network")


@dataclass(eq=False)
class Figure:
    """A number by name: ``unit`` ("" without one), whether more of it is better, and ``source``, in
    words where it comes from ("" if that is plain).
    """

    name: str
    unit: str = ""
    maximise: bool = False
    source: str = ""

    @classmethod
    def of_entry(cls, entry: Mapping[str, str]) -> Figure:
        """Return the figure that ``describe`` gave as JSON values; raises ``KeyError`` for an entry
        that lacks some, ``FormatError`` for another direction.
        """
        if entry["direction"] not in ("maximise", "minimise"):
            raise FormatError(f"a figure has the direction {entry['direction']!r}: make it again.")
        maximise = entry["direction"] == "maximise"
        return Figure(entry["name"], entry["unit"], maximise, entry.get("source", ""))

    @property
    def identity(self) -> str:
        """What tells it from another figure of the same name and direction."""
        return self.name

    def describe(self) -> dict[str, str]:
        """Return name, unit, direction and, where it is not plain, source as JSON values."""
        direction = "maximise" if self.maximise else "minimise"
        entry = {"name": self.name, "unit": self.unit, "direction": direction}
        return entry | ({"source": self.source} if self.source else {})


class Costly(Figure, ABC, Generic[Network]):
    """A figure worth waiting for until a network has passed the limits of the others.

    It is evaluated in one process, so it may keep what it learns and measure undisturbed.
    """

    @abstractmethod
    def values(self, networks: Sequence[Network]) -> list[Value]:
        """Return the value of each network."""


@dataclass(eq=False)
class Count(Figure):
    """A count that follows from the graph, ``counter``: (k,) of k graphs."""

    counter: Callable[[Sequence[Graph]], NDArray[np.int64]] = field(kw_only=True)

    def values(self, networks: Sequence[Graph]) -> NDArray[np.float64]:
        """Return ``(k,)`` the counts of k graphs."""
        return self.counter(networks).astype(np.float64) if networks else np.zeros(0)


@dataclass(eq=False)
class CustomObjective(Costly[Graph]):
    """A function of the user, graph -> number; what it raises rejects the graph."""

    function: Callable[[Graph], float] = field(kw_only=True)

    @property
    def identity(self) -> str:
        """The function's home and name."""
        home, name = self.function.__module__, getattr(self.function, "__qualname__", self.name)
        return f"{home}:{name}"

    def values(self, networks: Sequence[Graph]) -> list[Value]:
        """Return the function's values."""
        return [self._value(graph) for graph in networks]

    def _value(self, graph: Graph) -> Value:
        try:
            value = float(self.function(graph))
        except Exception as error:  # whatever a foreign function raises concerns this graph alone
            return f"{type(error).__name__}: {error}"
        return value if isfinite(value) else f"its value is {value}"


@dataclass(eq=False)
class OfGraphs(Costly[str]):
    """A figure of graphs, for architectures that ``build`` makes graphs of.

    built : what tells these graphs from others of the same architectures, such as their input size
    """

    figure: Count | Costly[Graph] = field(kw_only=True)
    build: Callable[[str], Graph] = field(kw_only=True)
    built: str = field(default="", kw_only=True)

    @classmethod
    def of(
        cls, figure: Count | Costly[Graph], build: Callable[[str], Graph], built: str = ""
    ) -> Self:
        """Return ``figure`` for architectures."""
        words = (figure.name, figure.unit, figure.maximise, figure.source)
        return cls(*words, figure=figure, build=build, built=built)

    @property
    def identity(self) -> str:
        """That of the figure, and of the graphs."""
        return f"{self.figure.identity} {self.built}".strip()

    def values(self, networks: Sequence[str]) -> list[Value]:
        """Return the values of the graphs."""
        return list(self.figure.values([self.build(one) for one in networks]))


def identities(figures: Sequence[Figure]) -> dict[str, str]:
    """Return by name what tells figures from others, their directions included."""
    return {one.name: f"{'max' if one.maximise else 'min'} {one.identity}" for one in figures}


def known(values: NDArray[np.floating]) -> list[Value]:
    """Return ``(N,)`` numbers as values, where what is not finite is not known."""
    return [value if isfinite(value) else "not known" for value in values.tolist()]


def numbers_of(values: Sequence[Value]) -> NDArray[np.float64]:
    """Return ``(N,)`` the values, NaN where there is none."""
    return np.array([np.nan if isinstance(one, str) else one for one in values], dtype=np.float64)


def _node_sums(
    per_node: Callable[[Graph], NDArray[np.int64]], graphs: Sequence[Graph]
) -> NDArray[np.int64]:
    """Return the sum of ``per_node`` over the nodes of each graph."""
    union, bounds = disjoint_union(graphs)
    return np.add.reduceat(per_node(union), bounds[:-1])


def _parameters(graphs: Sequence[Graph]) -> NDArray[np.int64]:
    """Return (k,) parameters; ids of shared ones hold for a graph alone."""
    if len({graph.shared for graph in graphs}) == 1:
        return _node_sums(node_parameters, graphs)
    return np.array([parameters(graph) for graph in graphs], dtype=np.int64)


def _peaks(graphs: Sequence[Graph]) -> NDArray[np.int64]:
    return np.array([peak_activations(graph) for graph in graphs], dtype=np.int64)


SCORE = Figure("score", maximise=True)
FLOPS = Count("flops", counter=partial(_node_sums, node_flops))
PARAMS = Count("params", counter=_parameters)
ACTIVATIONS = Count("activations", "bytes", counter=_peaks)
COUNTS: dict[str, Count] = {one.name: one for one in (FLOPS, PARAMS, ACTIVATIONS)}
