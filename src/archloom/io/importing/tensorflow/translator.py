"""From a frozen TensorFlow graph to ONNX operations on NCHW maps.

TensorFlow's maps are (N, H, W, C). A value is kept in any order of its axes together with that
order, so that a transposition costs nothing until an operator needs the axes where TensorFlow has
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.errors import FormatError
from archloom.execute.tensors import array_of, tensor_of
from archloom.graph.definition import TensorType
from archloom.io.importing.operations import Network, Operation, as_stored
from archloom.io.importing.steps import Value as Known
from archloom.io.importing.steps import constant_value
from archloom.io.importing.tensorflow.messages import Node, dtype_name
from archloom.io.importing.values import Values

CHANNELS_LAST = (0, 2, 3, 1)
"""Order of a map that is stored as NCHW where TensorFlow has NHWC."""

DERIVED = "#"
"""Between the name of a node and what was made of it; TensorFlow has no such names."""


class Value(NamedTuple):
    """A tensor: its name, and where each of TensorFlow's axes is in it."""

    name: str
    order: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the axes are where TensorFlow has them."""
        return self.order == tuple(range(len(self.order)))


class Spaced(NamedTuple):
    """A map that SpaceToBatchND took apart, on the way to a dilated convolution."""

    value: Value
    block: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]


Result = Value | Spaced | tuple[Value | None, ...]
Rule = Callable[["Translator", Node], Result]
RULES: dict[str, Rule] = {}
"""Rules by TensorFlow's name of the operator."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the decorated function for TensorFlow operators."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


class Translator:
    """Collects operations; rules ask it for the inputs of their node in the order they need."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        inputs: Mapping[str, TensorType],
        maps: set[str],
        batch_axes: Mapping[str, int | None],
    ) -> None:
        self.nodes, self.inputs = nodes, dict(inputs)
        self.batch_axes = batch_axes
        self.maps = maps  # inputs that are stored as NCHW
        self.operations: list[Operation] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.trained: dict[str, dict[str, int]] = {}  # parameters behind constants
        self.results: dict[str, Result] = {}
        self.readers: dict[str, list[Node]] = {}
        self.closed: set[str] = set()  # BatchToSpaceND nodes that a convolution has taken in
        self._known = Values(Network((), self.inputs, (), batch_axes=batch_axes))
        self._node = Node("", "", (), {})
        self._count = 0
        for node in nodes.values():
            for name in node.inputs:
                self.readers.setdefault(name.split(":")[0], []).append(node)

    def run(self, node: Node) -> None:
        """Translate ``node``, whose inputs have been translated."""
        self._node, self._count = node, 0
        if node.op != "Merge" and any(self.is_dead(name) for name in node.inputs):
            self.results[node.name] = (None,)
            return
        if node.op not in RULES:
            raise node.refuse(
                "this operator has no meaning in a graph of archloom. Remove it from the graph, or "
                "convert the model to ONNX with tf2onnx and read that."
            )
        self.results[node.name] = RULES[node.op](self, node)

    # --- inputs of a node ---

    def is_dead(self, name: str) -> bool:
        """Return whether a tensor lies on a branch that is never taken."""
        return self._result(name) is None

    def value(self, node: Node, position: int = 0) -> Value:
        """Return the input of ``node`` at ``position``."""
        if position >= len(node.inputs):
            raise node.refuse(
                f"it has {len(node.inputs)} inputs: the file is damaged, get it again."
            )
        found = self._result(node.inputs[position])
        if not isinstance(found, Value):
            raise node.refuse(
                "it reads a SpaceToBatchND that does not stand around a convolution: convert the "
                "model to ONNX with tf2onnx and read that."
            )
        return found

    def values(self, node: Node) -> list[Value]:
        """Return all inputs of ``node``."""
        return [self.value(node, position) for position in range(len(node.inputs))]

    def spaced(self, node: Node) -> Spaced | None:
        """Return what a convolution reads where SpaceToBatchND made it."""
        found = self._result(node.inputs[0])
        return found if isinstance(found, Spaced) else None

    def _result(self, name: str) -> Value | Spaced | None:
        source, _, index = name.partition(":")
        found = self.results[source]
        if isinstance(found, Value | Spaced):
            found = (found,)  # type: ignore[assignment]
        number = int(index or 0)
        if number >= len(found):
            raise self._node.refuse(f"it reads {name!r}, a result that cannot be had in a graph.")
        return found[number]  # type: ignore[return-value]

    def shape(self, value: Value) -> tuple[int, ...]:
        """Return the shape as TensorFlow has it, at batch 1."""
        stored = self._known.of[value.name].shape
        return tuple(stored[axis] for axis in value.order)

    def known(self, value: Value) -> Known:
        """Return what is known of the stored tensor."""
        return self._known.of[value.name]

    def dtype(self, value: Value) -> str:
        """Return NumPy's name of the element type."""
        return self._known.of[value.name].type.dtype

    def constant(self, node: Node, position: int) -> Tensor:
        """Return an input that has to be known before the network runs, in TensorFlow's layout: a
        kernel is (kH, kW, C_in, C_out).
        """
        value = self.value(node, position)
        data = self._known.of[value.name].data
        if data is None:
            raise node.refuse(
                f"input {position} ({node.inputs[position]!r}) has to be a constant: freeze the "
                "graph with fixed sizes first."
            )
        tensor = tensor_of(data)
        return tensor.permute(value.order) if tensor.dim() else tensor

    def numbers(self, node: Node, position: int) -> list[int]:
        """Return an input that is a list of whole numbers (or a single one)."""
        return [int(one) for one in self.constant(node, position).flatten().tolist()]

    # --- orders ---

    def plain(self, value: Value) -> str:
        """Return the name of ``value`` with its axes where TensorFlow has them."""
        return self.ordered(value, tuple(range(len(value.order))))

    def ordered(self, value: Value, order: Sequence[int]) -> str:
        """Return the name of ``value`` with TensorFlow's axis i at ``order[i]``."""
        if value.order == tuple(order):
            return value.name
        stored = self._known.of[value.name]
        place = {after: before for before, after in zip(value.order, order, strict=True)}
        axes = tuple(place[position] for position in range(len(order)))
        if stored.is_constant and stored.data is not None:
            return self.add_constant(tensor_of(stored.data).permute(axes).contiguous())
        long = [axis for axis in axes if stored.shape[axis] > 1 or axis == 0]
        if long == sorted(long):
            target = [0 if not axis else stored.shape[axis] for axis in axes]
            return self.emit("Reshape", value.name, self.integers(target))
        return self.emit("Transpose", value.name, perm=axes)

    def aligned(self, values: Sequence[Value]) -> tuple[list[str], tuple[int, ...]]:
        """Return operands of an elementwise operator in one order, and that order.

        Axes are added in front of operands of lower rank, as TensorFlow broadcasts.
        """
        rank = max(len(value.order) for value in values)
        full = [value for value in values if len(value.order) == rank]
        variable = [value for value in full if not self._known.of[value.name].is_constant]
        order = next((value.order for value in variable or full if not value.is_plain), None)
        order = order or tuple(range(rank))
        return [self._spread(value, order) for value in values], order

    def _spread(self, value: Value, order: tuple[int, ...]) -> str:
        missing = len(order) - len(value.order)
        if not missing:
            return self.ordered(value, order)
        stored = self._known.of[value.name]
        if order == tuple(range(len(order))) or not value.order:
            return self.plain(value)
        if stored.is_constant and stored.data is not None and stored.data.size == 1:
            return self.add_constant(tensor_of(stored.data).reshape(()))
        plain = self.plain(value)
        longer = Value(
            self.emit("Unsqueeze", plain, self.integers(list(range(missing)))),
            tuple(range(len(order))),
        )
        return self.ordered(longer, order)

    # --- operations ---

    def emit(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation and return the name of its output."""
        return self.emit_all(op_type, *inputs, outputs=1, **attributes)[0]

    def emit_all(
        self, op_type: str, *inputs: str, outputs: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add an operation and return the names of its outputs."""
        names = tuple(self._fresh() for _ in range(outputs))
        operation = Operation(op_type, inputs, names, as_stored(attributes), name=self._node.name)
        self.operations.append(operation)
        self._known.resolve(operation)
        return names

    def _fresh(self) -> str:
        self._count += 1
        return f"{self._node.name}{DERIVED}{self._count}"

    def add_constant(self, tensor: Tensor, name: str = "") -> str:
        """Add a constant and return its name."""
        if name and tensor.is_floating_point() and tensor.numel() > 1:
            self.trained[name] = {name: tensor.numel()}
        name = name or f"{self._node.name}{DERIVED}constant{len(self.constants)}"
        self.constants[name] = array_of(tensor)
        self._known.of[name] = constant_value(self.constants[name])
        return name

    def integers(self, values: Sequence[int] | int) -> str:
        """Add a small constant of whole numbers."""
        return self.add_constant(torch.tensor(values, dtype=torch.int64))

    def number(self, value: float, like: Value) -> str:
        """Add a scalar of the type of ``like``."""
        return self.add_constant(torch.tensor(value, dtype=getattr(torch, self.dtype(like))))


def plain(name: str, rank: int) -> Value:
    """Return a value whose axes are where TensorFlow has them."""
    return Value(name, tuple(range(rank)))


def without(order: Sequence[int], axes: Iterable[int]) -> tuple[int, ...]:
    """Return the order that is left when TensorFlow's ``axes`` are taken out."""
    gone = set(axes)
    left = [place for axis, place in enumerate(order) if axis not in gone]
    ranks = {place: rank for rank, place in enumerate(sorted(left))}
    return tuple(ranks[place] for place in left)


def type_of(node: Node, attribute: str) -> str:
    """Return the element type that an attribute of ``node`` states."""
    name = dtype_name(int(node.attributes.get(attribute) or 1))
    if name is None:
        raise node.refuse("it is of texts or resources: a graph computes with numbers alone.")
    return name


def sorted_nodes(nodes: Mapping[str, Node], ends: Iterable[str]) -> list[Node]:
    """Return the nodes that ``ends`` need, inputs first; raises ``FormatError`` for a loop and for
    a node that is missing.
    """
    done: dict[str, Node] = {}
    open_: set[str] = set()
    for end in ends:
        stack = [(end, False)]
        while stack:
            name, complete = stack.pop()
            if complete:
                done[name] = nodes[name]
                open_.discard(name)
                continue
            if name in done:
                continue
            if name not in nodes:
                raise FormatError(
                    f"node {name!r} is read but not there: the file is damaged, get it again."
                )
            if name in open_:
                raise nodes[name].refuse("it is part of a loop, which a graph cannot hold.")
            open_.add(name)
            stack.append((name, True))
            stack += [
                (source, False)
                for source in (one.split(":")[0] for one in reversed(nodes[name].inputs))
                if source not in done
            ]
    return list(done.values())
