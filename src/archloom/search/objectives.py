"""The words for figures that people write: ``[max:|min:]NAME[=SOURCE]``.

NAME alone is a figure that archloom knows. SOURCE says where the number comes from: measured or
estimated on this machine, a file, or a Python function. ``objective_of`` reads words for searches
of graphs, ``archloom.search.units.figures.figure_of`` for networks made of blocks. What was written
before this grammar, such as ``latency:torch`` or ``table:FILE``, is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TypeVar

from archloom.errors import ConfigError
from archloom.graph import Graph
from archloom.search.figures import COUNTS, SCORE, Costly, Count, CustomObjective, Figure
from archloom.search.latency import NAME as LATENCY
from archloom.search.latency import EstimatedLatency, LatencyHere, MeasuredLatency, TabledLatency
from archloom.train.latency import RUNTIMES, Timing

OBJECTIVE_WORDS = (
    "[max:|min:]NAME[=SOURCE], where NAME alone is score, flops, params, activations or latency, "
    "SOURCE of a latency is estimated[:RUNTIME], measured[:RUNTIME] (RUNTIME: onnxruntime or "
    "torch) or a latency table (.csv, .json), and of any NAME a function PACKAGE.MODULE:FUNCTION"
)
TABLES = (".csv", ".json")
"""Endings of latency tables."""

_WORDS = re.compile(r"(?:(max|min):)?([A-Za-z_]\w*)(?:=(.+))?")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_EARLIER = {
    re.compile(r"()latency:(.*)"): (LATENCY, "estimated"),
    re.compile(r"()measured_latency:?(.*)"): (LATENCY, "measured"),
    re.compile(r"()table:(.+)"): (LATENCY, ""),
    re.compile(rf"(?:(max|min):)?({_FUNCTION.pattern})"): ("", ""),
}
"""What was written before there was one grammar: direction and rest, then name and kind of the
source.
"""

AnyFigure = TypeVar("AnyFigure", bound=Figure)


@dataclass(frozen=True)
class Words:
    """A figure as it is written: direction ("" if not said), name, source ("" if not said)."""

    text: str
    direction: str
    name: str
    source: str

    @classmethod
    def parse(cls, text: str) -> Words:
        """Take ``text`` apart; raises ``ConfigError`` if it does not follow the grammar."""
        found = _WORDS.fullmatch(_modern(text))
        if found is None:
            raise ConfigError(f'objective "{text}" is not known: write {OBJECTIVE_WORDS}.')
        return cls(text, *found.groups(default=""))

    def directed(self, figure: AnyFigure) -> AnyFigure:
        """Return ``figure`` in the direction that is written, its own if none is."""
        wanted = figure.maximise if not self.direction else self.direction == "max"
        if figure.maximise == wanted:
            return figure
        turned = copy(figure)
        turned.maximise = wanted
        return turned


def objective_of(text: str, threads: int = 1) -> Figure:
    """Return the figure of graphs that ``text`` names, see ``OBJECTIVE_WORDS``.

    threads   of the runtime where latency is measured

    Raises ``ConfigError`` for words that mean nothing here, ``DataError`` or ``FormatError`` for a
    table that cannot be read.
    """
    words = Words.parse(text)
    if words.name == SCORE.name and not words.source:
        return words.directed(SCORE)
    figure = graph_figure(words, threads)
    if figure is None:
        close = get_close_matches(words.name, [SCORE.name, *COUNTS, LATENCY], n=1)
        hint = f"did you mean {close[0]}? " if close and not words.source else ""
        raise ConfigError(f'objective "{text}" is not known: {hint}write {OBJECTIVE_WORDS}.')
    if isinstance(figure, LatencyHere | TabledLatency) and figure.name != LATENCY:
        raise ConfigError(
            f'objective "{text}": a search of graphs calls its latency latency, write '
            f"{LATENCY}={words.source}."
        )
    return figure


def graph_figure(words: Words, threads: int = 1) -> Count | Costly[Graph] | None:
    """Return the figure that words name for any graph, in their direction; None where they name
    none. Raises as ``objective_of`` does.
    """
    kind, _, rest = words.source.partition(":")
    if not words.source and words.name in COUNTS:
        return words.directed(COUNTS[words.name])
    if kind in ("measured", "estimated") or (words.name == LATENCY and not words.source):
        if rest and rest not in RUNTIMES:
            raise ConfigError(
                f'objective "{words.text}", at "{rest}": write {" or ".join(RUNTIMES)}.'
            )
        chosen = MeasuredLatency if kind == "measured" else EstimatedLatency
        timing = Timing(rest or "onnxruntime", threads)
        return words.directed(chosen(timing=timing, name=words.name))
    if words.source.lower().endswith(TABLES):
        return words.directed(TabledLatency.read(words.source, words.name))
    if _FUNCTION.fullmatch(words.source):
        return words.directed(CustomObjective(words.name, function=_function(words)))
    return None


def _modern(text: str) -> str:
    """Return ``text`` in today's grammar; nothing changes where it already is."""
    if _WORDS.fullmatch(text) and text != "measured_latency":
        return text
    for pattern, (name, kind) in _EARLIER.items():
        if found := pattern.fullmatch(text):
            direction, rest = found.groups(default="")
            source = ":".join(part for part in (kind, rest) if part)
            before = f"{direction}:" if direction else ""
            return f"{before}{name or rest.rpartition(':')[2]}={source}"
    return text


def _function(words: Words) -> Callable[[Graph], float]:
    """Return the function that a source names."""
    module, _, name = words.source.partition(":")
    try:
        function: Callable[[Graph], float] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'objective "{words.text}": {error}. Name a function that Python can import from here, '
            "as PACKAGE.MODULE:FUNCTION; PYTHONPATH says where else to look."
        ) from error
    if not callable(function):
        raise ConfigError(
            f'objective "{words.text}": {name} is no function, write one of Graph -> float.'
        )
    return function
