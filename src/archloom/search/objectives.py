"""What a search makes large or small: figures of a graph with name, unit and direction.

``objective_of`` reads the words that people write; see ``OBJECTIVE_WORDS``. The predicted score is
filled in by the mutator, whatever the objectives are; all other figures evaluate finished graphs.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.graph import Graph, disjoint_union, node_flops, node_parameters
from archloom.graph.memory import peak_activations

Figure = float | str
"""A value, or in words why there is none."""


@dataclass(eq=False)
class Objective:
    """A figure by name: ``unit`` ("" without one) and whether more of it is better."""

    name: str
    unit: str = ""
    maximise: bool = False

    @property
    def identity(self) -> str:
        """What tells this objective from another one of the same name."""
        return self.name

    def describe(self) -> dict[str, Any]:
        """Return name, unit and direction as JSON values."""
        direction = "maximise" if self.maximise else "minimise"
        return {"name": self.name, "unit": self.unit, "direction": direction}


class Costly(Objective, ABC):
    """An objective worth waiting for until a graph has passed the limits of the cheap ones.

    It is evaluated in one process, so it may keep what it learns and measure undisturbed.
    """

    @abstractmethod
    def values(self, graphs: Sequence[Graph]) -> list[Figure]:
        """Return the figure of each graph."""


Counter = Callable[[Sequence[Graph]], NDArray[np.int64]]


@dataclass(eq=False)
class Count(Objective):
    """A count that follows from the graph, ``counter``: (k,) of k graphs."""

    counter: Counter = field(kw_only=True)

    def values(self, graphs: Sequence[Graph]) -> NDArray[np.float64]:
        """Return the count of each graph."""
        return self.counter(graphs).astype(np.float64) if graphs else np.zeros(0)


@dataclass(eq=False)
class CustomObjective(Costly):
    """A function of the user, graph -> number; what it raises rejects the graph."""

    function: Callable[[Graph], float] = field(kw_only=True)

    @property
    def identity(self) -> str:
        """The function's home and name."""
        home, name = self.function.__module__, getattr(self.function, "__qualname__", self.name)
        return f"{home}:{name}"

    def values(self, graphs: Sequence[Graph]) -> list[Figure]:
        """Return the function's values."""
        return [self._value(graph) for graph in graphs]

    def _value(self, graph: Graph) -> Figure:
        try:
            value = float(self.function(graph))
        except Exception as error:  # whatever a foreign function raises concerns this graph alone
            return f"{type(error).__name__}: {error}"
        return value if isfinite(value) else f"its value is {value}"


def _node_sums(
    per_node: Callable[[Graph], NDArray[np.int64]], graphs: Sequence[Graph]
) -> NDArray[np.int64]:
    """Return the sum of ``per_node`` over the nodes of each graph."""
    union, bounds = disjoint_union(graphs)
    return np.add.reduceat(per_node(union), bounds[:-1])


def _peaks(graphs: Sequence[Graph]) -> NDArray[np.int64]:
    return np.array([peak_activations(graph) for graph in graphs], dtype=np.int64)


SCORE = Objective("score", maximise=True)
FLOPS = Count("flops", counter=partial(_node_sums, node_flops))
PARAMS = Count("params", counter=partial(_node_sums, node_parameters))
ACTIVATIONS = Count("activations", "bytes", counter=_peaks)
BUILT_IN: dict[str, Objective] = {one.name: one for one in (SCORE, FLOPS, PARAMS, ACTIVATIONS)}

OBJECTIVE_WORDS = (
    "score, flops, params, activations, latency[:RUNTIME], measured_latency[:RUNTIME] "
    "(RUNTIME: onnxruntime or torch), table:FILE, or [min:|max:]PACKAGE.MODULE:FUNCTION"
)
_FUNCTION = re.compile(r"(?:(min|max):)?([A-Za-z_][\w.]*):([A-Za-z_]\w*)")


def objective_of(text: str, threads: int = 1) -> Objective:
    """Return the objective that ``text`` names, one of ``OBJECTIVE_WORDS``.

    threads   of the runtime where latency is measured

    Raises ``ConfigError`` for a name that is not known, ``DataError`` or ``FormatError`` for a
    table that cannot be read.
    """
    from archloom.search.latency import EstimatedLatency, MeasuredLatency, TabledLatency
    from archloom.train.latency import RUNTIMES, Timing

    kind, _, rest = text.partition(":")
    if text in BUILT_IN:
        return BUILT_IN[text]
    if kind in ("latency", "measured_latency"):
        if rest and rest not in RUNTIMES:
            raise ConfigError(f'objective "{text}", at "{rest}": write {" or ".join(RUNTIMES)}.')
        timing = Timing(rest or "onnxruntime", threads)
        chosen = EstimatedLatency if kind == "latency" else MeasuredLatency
        return chosen(timing=timing)
    if kind == "table":
        return TabledLatency.read(rest)
    match = _FUNCTION.fullmatch(text)
    if match is None:
        close = get_close_matches(text, [*BUILT_IN, "latency", "measured_latency"], n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f'objective "{text}" is not known: {hint}write {OBJECTIVE_WORDS}.')
    return _custom(text, *match.groups())


def _custom(text: str, direction: str | None, module: str, name: str) -> CustomObjective:
    """Return the objective of a function; it is minimised unless ``direction`` is "max"."""
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'objective "{text}": {error}. Name a function that Python can import from here, as '
            "PACKAGE.MODULE:FUNCTION; PYTHONPATH says where else to look."
        ) from error
    if not callable(function):
        raise ConfigError(
            f'objective "{text}": {name} is no function, write one of Graph -> float.'
        )
    return CustomObjective(name, maximise=direction == "max", function=function)
