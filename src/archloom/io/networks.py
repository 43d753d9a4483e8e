"""Networks in any form that people have them in: graphs, models with weights, files.

The names of ``archloom`` take all of them; the functions behind them take graphs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from archloom import io
from archloom.errors import ConfigError
from archloom.graph import Graph
from archloom.io import LabelledGraph
from archloom.io.importing.model import Model

Network = Graph | Model | LabelledGraph | str | Path
Rest = ParamSpec("Rest")
Result = TypeVar("Result")


def as_network(given: Network) -> Graph | Model:
    """Return the graph, or model with weights, that ``given`` is or that the file there holds.

    Raises ``ConfigError`` for anything else, and what ``archloom.io.read_file`` raises.
    """
    if isinstance(given, LabelledGraph):
        return given.graph
    if isinstance(given, Graph | Model):
        return given
    if isinstance(given, str | Path):
        found = io.read_file(Path(given))
        return found if isinstance(found, Model) else io.one_graph(Path(given), found)
    raise ConfigError(
        f"{type(given).__name__} is no network: give a graph, a model, or the path of a file; a "
        "PyTorch module becomes a model by archloom.from_torch."
    )


def as_graph(given: Network) -> Graph:
    """Return the graph of a network, see ``as_network``."""
    found = as_network(given)
    return found if isinstance(found, Graph) else found.graph


def as_graphs(given: Network | Iterable[Network]) -> Iterator[Graph]:
    """Yield the graphs of one network or of several, see ``as_network``."""
    if isinstance(given, Network) or not isinstance(given, Iterable):
        yield as_graph(given)
    else:
        yield from map(as_graph, given)


def taking_networks(
    function: Callable[Concatenate[Graph, Rest], Result], parameters: Sequence[str]
) -> Callable[Concatenate[Network, Rest], Result]:
    """Return ``function`` with ``parameters`` that may be networks in any form (``graphs``: several
    of them); a model brings its weights where the function takes some and none are given.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Result:
        given = signature.bind(*args, **kwargs).arguments
        for name in parameters:
            if name == "graphs":
                given[name] = list(as_graphs(given[name]))
                continue
            found = as_network(given[name])
            if isinstance(found, Model) and "weights" in signature.parameters:
                given.setdefault("weights", found.weights)
            given[name] = found if isinstance(found, Graph) else found.graph
        bound = inspect.BoundArguments(signature, given)
        return function(*bound.args, **bound.kwargs)

    return call


def write(
    networks: Network | Iterable[Network],
    path: str | Path,
    weights: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write one network, or several into a store, to ``path``, and return the files written.

    As ``archloom.io.write``; besides, the weights of a model go into an .onnx file, or beside a
    .json as .weights.safetensors. Other formats have no room for weights.
    """
    target = Path(path)
    found: Graph | Model | Iterator[Graph]
    if isinstance(networks, Network) or not isinstance(networks, Iterable):
        found = as_network(networks)
    else:
        found = as_graphs(networks)
    if not isinstance(found, Model):
        io.write(found, target, weights)
        return [target]
    ending = target.suffix.lower()
    if ending == ".onnx" and weights is None:
        weights = found.weights
    io.write(found.graph, target, weights)
    if ending != ".json" or not found.arrays:
        return [target]
    from archloom.io.weights import write_weights

    beside = target.with_suffix(".weights.safetensors")
    write_weights(beside, found.arrays, found.graph, {"origins": dict(found.origins)})
    return [target, beside]
