"""The reference projects' own files: pickles and JSON, single graphs and families with accuracies
(AutoGO spec 1.6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from archloom.errors import FormatError
from archloom.files import naming
from archloom.graph import Graph, check
from archloom.io.reference.cg_json import from_state_dict
from archloom.io.reference.restricted import Limits, unpickle


class LabelledGraph(NamedTuple):
    """A graph of a family with its accuracy, a fraction in [0, 1]."""

    graph: Graph
    accuracy: float


def read_pickle(
    path: str | Path, *, limits: Limits | None = None
) -> Graph | Iterator[LabelledGraph]:
    """Return the graph of a reference pickle, or stream the graphs and accuracies of a pickled
    family cache.

    Raises ``FormatError`` for anything else, see ``archloom.io.reference.restricted``.
    """
    content = unpickle(path, limits)
    if content.is_list:
        return (_cache_entry(path, number, entry) for number, entry in enumerate(content.items))
    state = next(content.items)
    if not isinstance(state, dict) or state.get("__class__") != "ComputeGraph":
        raise FormatError(
            f"{path} is a pickle without a compute graph: give the file of a graph or of a family "
            "cache (a vocabulary encoder is read by read_encoder)."
        )
    return _graph(path, state)


def read_encoder(path: str | Path, *, limits: Limits | None = None) -> dict[str, str]:
    """Return the symbol of each node label of a pickled vocabulary encoder (AutoGO spec 2.3)."""
    content = unpickle(path, limits)
    entry = None if content.is_list else next(content.items)
    labels = entry.get("op2vocab") if isinstance(entry, dict) else None
    if not isinstance(labels, dict) or not all(
        isinstance(symbol, str) for symbol in labels.values()
    ):
        raise FormatError(
            f"{path} is a pickle without an encoder's table of labels: give the encoder's file."
        )
    return labels


def family_from_json(path: str | Path, document: Mapping[str, Any]) -> Iterator[LabelledGraph]:
    """Stream the graphs and accuracies of a JSON family file; ``path`` is for messages."""
    return (_family_entry(path, key, entry) for key, entry in document.items())


def is_family(document: Mapping[str, Any]) -> bool:
    """Return whether a JSON document looks like a family file: entries with a graph under
    ``cg``.
    """
    return bool(document) and all(
        isinstance(entry, dict) and "cg" in entry for entry in document.values()
    )


def _graph(where: str | Path, state: Any) -> Graph:
    """Return the checked graph of a state-dict; errors name ``where``."""
    with naming(where):
        graph = from_state_dict(state)
        check(graph)
    return graph


def _cache_entry(path: str | Path, number: int, entry: Any) -> LabelledGraph:
    where = f"{path}, entry {number}"
    if not isinstance(entry, dict) or "compute graph" not in entry:
        raise FormatError(
            f"{where} has no 'compute graph': this is not a family cache of the reference."
        )
    return LabelledGraph(
        _graph(where, entry["compute graph"]), _accuracy(where, entry.get("acc"), 1)
    )


def _family_entry(path: str | Path, key: str, entry: Mapping[str, Any]) -> LabelledGraph:
    where = f"{path}, entry {key!r}"
    graph = _graph(where, entry["cg"])
    if not graph.name:
        graph = graph.replace(name=key)
    return LabelledGraph(graph, _accuracy(where, entry.get("max_perf"), 100))


def _accuracy(where: str, value: Any, full: float) -> float:
    """Return ``value`` / ``full``, or raise ``FormatError`` unless it lies in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= full:
        raise FormatError(
            f"{where} has the accuracy {value!r}, a number from 0 to {full} is wanted: correct the "
            "entry."
        )
    return value / full
