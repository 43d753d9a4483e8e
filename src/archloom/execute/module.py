"""A graph as an executable PyTorch module, with TensorFlow's semantics (AutoGO spec 6).

Tensors are NCHW. Weights are keyed by the graph's stable node ids: ``{id}.weight`` and
``{id}.bias`` of convolutions and matmuls, ``{id}.weight``, ``{id}.bias``, ``{id}.mean`` and
``{id}.var`` of batch norms. Sizes are those that the graph stores: run ``infer_shapes`` for
another input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from archloom.errors import GraphError
from archloom.execute import NORM_EPSILON, NORM_MOMENTUM
from archloom.execute.fixed import as_map, as_operand
from archloom.execute.layers import node_module
from archloom.graph import OPS, Graph, Merge, input_shapes, output_shapes

Inputs = list[Tensor]


class Step(NamedTuple):
    """One node in the order of execution; slots are node indices."""

    node: int
    operands: list[int]
    channels: int  # operands are sliced to this many channels; 0: no slicing
    join: Callable[[Inputs], Tensor]
    run: nn.Module | None
    ranks: list[int]  # of the operands of a fixed node; empty for a node of the vocabulary
    free: list[int]  # slots that no later step reads


class GraphModule(nn.Module):
    """Executes a graph; build one with ``to_torch``.

    Shapes: input (N, C, H, W), or several of them when the graph has several sources (ascending
    node index); output (N, C, H, W), or (N, C) where H = W = 1 and ``squeeze`` is on. Ends with a
    definition have the rank and type that it states. A graph with several sinks returns the list of
    their outputs, by ascending node index.
    """

    def __init__(
        self,
        graph: Graph,
        squeeze: bool = True,
        norm_momentum: float = NORM_MOMENTUM,
        norm_epsilon: float = NORM_EPSILON,
    ) -> None:
        super().__init__()
        self.graph, self.squeeze = graph, squeeze
        self._sources = graph.sources.tolist()
        self._sinks = graph.sinks.tolist()
        self._inputs = [_input_shape(graph, node) for node in self._sources]
        self._steps = self._plan(norm_momentum, norm_epsilon)

    def _plan(self, norm_momentum: float, norm_epsilon: float) -> list[Step]:
        graph = self.graph
        last_use = {
            int(source): int(node)
            for node in graph.order
            for source in graph.predecessors(int(node))
        }
        steps = []
        for node in graph.order.tolist():
            module = node_module(graph, node, norm_momentum, norm_epsilon)
            if module is not None:
                self.add_module(str(int(graph.ids[node])), module)
            operands = graph.predecessors(node).tolist()
            free = [slot for slot in dict.fromkeys(operands) if last_use[slot] == node]
            join = _JOINS[OPS.by_code(int(graph.op[node])).merge]
            definition = graph.definition_of(node)
            ranks = [len(one.type.shape) for one in definition.operands] if definition else []
            channels = 0 if definition else _slice_to(graph, node)
            steps.append(Step(node, operands, channels, join, module, ranks, free))
        return steps

    def forward(self, *inputs: Tensor) -> Tensor | list[Tensor]:
        """Return the outputs of the sinks: (N, C) or (N, C, H, W), see the class.

        inputs : (N, C, H, W) for each source, by ascending node index

        Raises ``GraphError`` when an input does not have the stored shape.
        """
        slots = self._take(inputs)
        for step in self._steps:
            if not step.operands:
                continue  # an input, taken already
            operands = [slots[slot] for slot in step.operands]
            for slot in step.free:
                del slots[slot]
            slots[step.node] = (_run_fixed if step.ranks else _run)(step, operands)
            del operands
        results = [self._finished(sink, slots[sink]) for sink in self._sinks]
        return results[0] if len(results) == 1 else results

    def _finished(self, sink: int, value: Tensor) -> Tensor:
        """Return the output at ``sink`` in the rank that the caller expects."""
        if self.graph.is_fixed[sink] or not self.squeeze or value.shape[2:] != (1, 1):
            return value
        return value.flatten(1)

    def _take(self, inputs: tuple[Tensor, ...]) -> dict[int, Tensor]:
        batches, wanted = zip(*self._inputs, strict=True)
        batches = (*batches, *[(0,)] * len(inputs))
        found = tuple(
            _without(tuple(tensor.shape), axes)
            for tensor, axes in zip(inputs, batches, strict=False)
        )
        if found != wanted:
            raise GraphError(
                f"graph {self.graph.name!r} takes inputs of shape {list(wanted)} (without "
                f"the batch; a map is C, H, W), given were {list(found)}: pass batches of that "
                "shape, or run infer_shapes for another one."
            )
        return dict(zip(self._sources, inputs, strict=True))

    def weights(self) -> dict[str, Tensor]:
        """Return all tensors by ``{id}.{name}``, detached and sharing memory with the module; their
        shapes, such as (C_out,), are those of ``to_torch``.
        """
        return dict(self.state_dict())

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Copy ``weights``, by name such as (C_out, C_in) of a matmul, in; raises ``GraphError``
        when a tensor is missing, foreign or of another shape.
        """
        own = self.weights()
        missing, foreign = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
        if missing or foreign:
            raise GraphError(
                f"the weights do not belong to graph {self.graph.name!r}: missing {missing[:5]}, "
                f"unknown {foreign[:5]}; use inherit to copy what fits."
            )
        for key, tensor in own.items():
            if tensor.shape != weights[key].shape:
                raise GraphError(
                    f"weight {key} of graph {self.graph.name!r} has shape {tuple(tensor.shape)}, "
                    f"given was {tuple(weights[key].shape)}: the weights belong to another graph."
                )
        self.inherit(weights)

    def inherit(self, weights: Mapping[str, Tensor]) -> float:
        """Copy every tensor whose key and shape agree (a parent's, say); return the share of
        elements copied.
        """
        copied = total = 0
        with torch.no_grad():
            for key, tensor in self.weights().items():
                total += tensor.numel()
                if key in weights and weights[key].shape == tensor.shape:
                    tensor.copy_(weights[key])
                    copied += tensor.numel()
        return copied / total if total else 1.0


def to_torch(
    graph: Graph,
    weights: Mapping[str, Tensor] | None = None,
    seed: int = 0,
    *,
    squeeze: bool = True,
    norm_momentum: float = NORM_MOMENTUM,
    norm_epsilon: float = NORM_EPSILON,
) -> GraphModule:
    """Return ``graph`` as a module with ``weights``, or with he-uniform ones drawn from ``seed``.

    The draw of a node depends on ``seed`` and its id only, so a mutant starts with its parent's
    weights where their nodes agree. ``norm_epsilon`` is for weights of networks whose batch norms
    have another one than archloom's, which files assume.

    weights : by ``{id}.{name}``: weight (C_out, C_in / groups, kH, kW) of a convolution and
              (C_out, C_in) of a matmul; bias, mean and var (C_out,)

    Raises ``GraphError`` naming the node for an op that cannot be executed or sizes that do not
    fit.
    """
    module = GraphModule(graph, squeeze, norm_momentum, norm_epsilon)
    if weights is None:
        initialise(module, seed)
    else:
        module.load(weights)
    return module


def initialise(module: GraphModule, seed: int) -> None:
    """Fill convolutions and matmuls with he-uniform weights (Keras' initialiser), biases with
    zeros.
    """
    for name, tensor in module.named_parameters():
        if tensor.dim() > 1:
            identity = int(name.split(".")[0])
            state = np.random.SeedSequence((seed, identity)).generate_state(2, np.uint32)
            generator = torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
            bound = (6 / tensor[0].numel()) ** 0.5
            with torch.no_grad():
                tensor.uniform_(-bound, bound, generator=generator)


def _run(step: Step, operands: Inputs) -> Tensor:
    """Return the output of a node of the vocabulary."""
    operands = [as_map(operand) for operand in operands]
    if step.channels:
        operands = [operand[:, : step.channels] for operand in operands]
    value = operands[0] if len(operands) == 1 else step.join(operands)
    del operands
    return value if step.run is None else step.run(value)


def _run_fixed(step: Step, operands: Inputs) -> Tensor:
    """Return the output of a fixed node; of an operator with several outputs, their tuple."""
    values = [as_operand(*pair) for pair in zip(operands, step.ranks, strict=True)]
    return values[0] if step.run is None else step.run(*values)


def _input_shape(graph: Graph, node: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the axes of the input at ``node`` that grow with the batch, and its other sizes."""
    definition = graph.definition_of(node)
    if definition is not None:
        axes = definition.batch_axes
        return axes, _without(definition.outputs[0].shape, axes)
    height, width, channels = input_shapes(graph)[node].tolist()
    return (0,), (channels, height, width)


def _without(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _slice_to(graph: Graph, node: int) -> int:
    """Return the channels that operands of ``node`` are sliced to, 0 where nothing is to be cut."""
    merge = OPS.by_code(int(graph.op[node])).merge
    before = graph.predecessors(node)
    if merge == Merge.CONCAT or not len(before):
        return 0
    wanted = int(input_shapes(graph)[node, 2])
    given = output_shapes(graph)[before, 2]
    if given.min() < wanted:
        raise GraphError(
            f"{graph.describe(node)} takes {wanted} channels but an operand gives "
            f"{int(given.min())}: run infer_shapes or change the producing node."
        )
    return wanted if given.max() > wanted else 0


def _sum(operands: Inputs) -> Tensor:
    total = operands[0] + operands[1]
    for operand in operands[2:]:
        total += operand
    return total


def _product(operands: Inputs) -> Tensor:
    total = operands[0] * operands[1]
    for operand in operands[2:]:
        total = total * operand
    return total


_JOINS: dict[Merge, Callable[[Inputs], Tensor]] = {
    Merge.SUM: _sum,
    Merge.PRODUCT: _product,
    Merge.CONCAT: lambda operands: torch.cat(operands, 1),
}
