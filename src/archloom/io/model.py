"""Imported networks: a graph together with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from archloom.graph import Graph
from archloom.io.operations import Network


@dataclass(frozen=True)
class Model:
    """A graph with its weights: ``to_torch(model.graph, model.weights)`` runs it.

    weights    by ``{node id}.{name}``, float32 on the CPU
    notes      what the import changed or could not keep
    inputs, outputs   names of the graph's sources and sinks in the model it was read from, in order
    origins    for weights that are a tensor of the model as it was there: its name there
    """

    graph: Graph
    weights: dict[str, Tensor]
    notes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)


def to_model(network: Network) -> Model:
    """Return ``network`` as a graph with weights.

    Constants are folded, what the vocabulary of ``OPS`` can say becomes nodes of it, all else fixed
    nodes. Raises ``FormatError`` naming the operation for control flow, for shapes that do not fit
    and for an unknown operator whose output type is not stated, ``GraphError`` for a broken graph.
    """
    raise NotImplementedError
