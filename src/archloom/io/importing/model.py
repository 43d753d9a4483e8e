"""Imported networks: a graph together with its weights."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError, GraphError
from archloom.graph import Graph, check
from archloom.graph.graph import End
from archloom.io.importing.nodes import NodeWriter
from archloom.io.importing.operations import AS_STATED, Network
from archloom.io.importing.rewrite import Rewriter
from archloom.io.importing.values import Values

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, repr=False)
class Model:
    """A graph with its weights: ``to_torch(model.graph, model.weights)`` runs it.

    arrays     the weights by ``{node id}.{name}``, floats as float32
    notes      what the import changed or could not keep
    inputs, outputs   names of the graph's sources and sinks in the model it was read from, in order
    origins    for weights that are a tensor of that model as it was there: its name there
    """

    graph: Graph
    arrays: dict[str, NDArray[Any]]
    notes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """The weights as tensors on the CPU."""
        from archloom.execute.tensors import tensor_of

        return {name: tensor_of(array) for name, array in self.arrays.items()}

    def __repr__(self) -> str:
        title = f" {self.graph.name!r}" if self.graph.name else ""
        size = f"{self.graph.n_nodes} nodes, {self.graph.n_edges} edges"
        return f"<Model{title}: {size}, {len(self.arrays)} weights>"

    def _repr_svg_(self) -> str:
        """Return the picture that a notebook shows."""
        return self.graph._repr_svg_()


def with_origins(model: Model, names: Container[str]) -> Model:
    """Return ``model`` with the origins that are among ``names``: others were made on the way."""
    kept = {key: name for key, name in model.origins.items() if name in names}
    return replace(model, origins=kept)


@np.errstate(all="ignore")  # numbers that are not finite are refused where they are kept
def to_model(network: Network) -> Model:
    """Return ``network`` as a graph with weights.

    Constants are folded, what the vocabulary of ``OPS`` can say becomes nodes of it, all else fixed
    nodes. Raises ``FormatError`` naming the operation for control flow, for shapes that do not fit
    and for an unknown operator whose output type is not stated, ``GraphError`` for a broken graph.
    """
    attempts = [network]
    if network.literal is not None:
        axes = dict.fromkeys(network.inputs)
        notes = (*network.notes, AS_STATED)
        stated = replace(network, inputs=network.literal, batch=0, batch_axes=axes, notes=notes)
        attempts.append(stated)
    return first_model(attempts)


def first_model(attempts: Iterable[Network]) -> Model:
    """Return the model of the first network that is one for every example of a batch, where the
    attempts read the same source in another way; the last one is taken as it is.
    """
    waiting = iter(attempts)
    network = next(waiting)
    while True:
        failed: FormatError | GraphError | None = None
        try:
            values = Values(network)
            model = _to_model(network, values)
            if not (values.joined or values.bound):
                return model
        except (FormatError, GraphError) as error:
            failed = error
        following = next(waiting, None)
        if following is None:
            if failed is not None:
                raise failed
            return model
        network = following


def _to_model(network: Network, values: Values) -> Model:
    missing = [name for name in network.outputs if name not in values.of]
    if missing or not network.outputs:
        what = (
            f"the output {missing[0]!r} is computed by nothing" if missing else "it has no output"
        )
        raise FormatError(f"the model is incomplete: {what}. Export it again.")
    rewriter = Rewriter(values, network.outputs)
    read = {name for step in rewriter.steps for name in step.inputs} | set(rewriter.outputs)
    inputs = [name for name in network.inputs if name in read]
    notes = list(network.notes)
    if values.bound:
        notes.append(
            f"the network takes batches of one only: {values.bound} is made for one input."
        )
    if len(inputs) < len(network.inputs):
        unused = [name for name in network.inputs if name not in read]
        notes.append(f"inputs that no output depends on were left out: {', '.join(unused)}.")
    writer = NodeWriter(rewriter, inputs, network.name)
    for name in inputs:
        writer.write_input(name)
    for step in rewriter.steps:
        writer.write(step)
    for name in rewriter.outputs:
        writer.write_output(name)
    graph = writer.builder.build()
    check(graph)
    names = [*inputs, *network.outputs]
    nodes = [*graph.sources.tolist(), *graph.sinks.tolist()]
    ends = [End(node, name, network.batch) for node, name in zip(nodes, names, strict=True)]
    graph = graph.replace(ends=tuple(ends), shared=tuple(writer.shared))
    return Model(
        graph,
        writer.weights,
        tuple(notes),
        tuple(inputs),
        network.outputs,
        writer.origins,
    )
