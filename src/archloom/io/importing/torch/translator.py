"""From an exported ATen graph to ONNX operations: the walk over the graph and the means that rules
use.

A rule turns the call of one ATen operator into operations. Calls that depend on constants alone are
executed instead. Sizes are whole numbers or multiples of the batch size.

More than 400 lines: the means of one class, which every rule uses.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, fx

from archloom.errors import FormatError
from archloom.execute.operators.table import onnx_type
from archloom.io.importing.operations import Operation, as_stored


class BatchError(FormatError):
    """A size depends on the batch size in a way that no operation can follow."""


class Batch(NamedTuple):
    """A size of ``factor`` times the batch size."""

    factor: int


Size = int | Batch


class Value(NamedTuple):
    """A tensor of the network: its name, shape and element type."""

    name: str
    shape: tuple[Size, ...]
    dtype: torch.dtype

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def fixed(self, axis: int) -> int:
        """Return a size that is known not to depend on the batch."""
        size = self.shape[axis]
        if isinstance(size, Batch):
            raise BatchError("an operator needs a fixed size where the network has its batch.")
        return size

    def axis(self, dim: int) -> int:
        """Return ``dim`` counted from the front."""
        return dim % self.rank if self.rank else 0


@dataclass(frozen=True)
class Call:
    """The call of one operator: its arguments by the names of the schema, the type of what it gives
    (several: a list), and how messages speak of it.
    """

    name: str
    arguments: Mapping[str, Any]
    results: tuple[Value, ...]
    where: str

    def __getitem__(self, argument: str) -> Any:
        return self.arguments.get(argument)

    @property
    def result(self) -> Value:
        """Type of the only or first result."""
        return self.results[0]

    def value(self, argument: str) -> Value:
        """Return a tensor argument that has to be there."""
        found = self.arguments.get(argument)
        if not isinstance(found, Value):
            raise self.refuse(f"its argument {argument!r} is no tensor, which no rule reads.")
        return found

    def refuse(self, why: str) -> FormatError:
        """Return the error that says that the operator cannot be imported as it is used here."""
        return FormatError(f"{self.where}: {why}")


Operand = Value | str | None
Rule = Callable[["Translator", Call], str | tuple[str, ...]]
R = TypeVar("R", bound=Rule)
RULES: dict[str, Rule] = {}
"""Rules by the name of the ATen operator without its overload."""


def rule(*names: str) -> Callable[[R], R]:
    """Register the decorated function for ATen operators."""

    def register(function: R) -> R:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


class Translator:
    """Collects operations and constants; ``run`` walks a graph."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.constants: dict[str, Tensor] = {}
        self.trained: dict[str, dict[str, int]] = {}  # parameters behind constants
        self.values: dict[fx.Node, Any] = {}
        self.zeros: set[str] = set()  # values of a batch-dependent shape that are zero
        self._batch_source = ""
        self._known: dict[tuple[Any, ...], str] = {}  # small constants by content
        self._where = ""
        self._stem = ""
        self._count = 0

    # --- what rules use ---

    def emit(self, op_type: str, *inputs: Operand, outputs: int = 1, **attributes: Any) -> str:
        """Add an operation and return the name of its (first) output; see ``emit_all``."""
        return self.emit_all(op_type, *inputs, outputs=outputs, **attributes)[0]

    def emit_all(
        self, op_type: str, *inputs: Operand, outputs: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add an operation and return the names of its outputs; None among the inputs is left
        out.
        """
        names = tuple(self.fresh() for _ in range(outputs))
        self.operations.append(
            Operation(
                op_type, tuple(map(_name, inputs)), names, as_stored(attributes), name=self._where
            )
        )
        return names

    def fresh(self) -> str:
        """Return a name that no value has."""
        self._count += 1
        return f"{self._stem}/{self._count}"

    def constant(self, tensor: Tensor, name: str = "") -> str:
        """Add a constant of any shape and return its name."""
        name = name or self.fresh()
        self.constants[name] = tensor
        return name

    def untrained(self, tensor: Tensor) -> str:
        """Add a constant that is no parameter and return its name."""
        name = self.constant(tensor)
        self.trained[name] = {}
        return name

    def known(self, operand: Operand) -> Tensor | None:
        """Return the constant, of any shape, that ``operand`` is; None where it is computed."""
        return self.constants.get(_name(operand))

    def numbers(self, values: Any, dtype: torch.dtype = torch.int64) -> str:
        """Return the name of a small constant: a number, or a list of them."""
        key = (str(dtype), np.shape(values), *np.ravel(values).tolist())
        if key not in self._known:
            self._known[key] = self.untrained(torch.tensor(values, dtype=dtype))
        return self._known[key]

    def cast(self, operand: Operand | Batch | float, dtype: torch.dtype) -> str:
        """Return ``operand`` (a number or the batch size as well) as ``dtype``."""
        if isinstance(operand, bool | int | float):
            return self.numbers(operand, dtype)
        if isinstance(operand, Batch):
            size = self.emit("Squeeze", self.sizes([operand]), self.numbers([0]))
            return self.emit("Cast", size, to=onnx_type(dtype))
        if not isinstance(operand, Value):
            raise FormatError(f"{self._where}: it is called with {operand!r}, which no rule reads.")
        if operand.dtype == dtype:
            return operand.name
        return self.emit("Cast", operand, to=onnx_type(dtype))

    def sizes(self, sizes: Sequence[Size]) -> str:
        """Return a vector of sizes."""
        if not any(isinstance(size, Batch) for size in sizes):
            return self.numbers(list(sizes))
        batch = self.emit("Shape", self._batch_source, start=0, end=1)
        parts = [
            self.numbers([size])
            if not isinstance(size, Batch)
            else batch
            if size.factor == 1
            else self.emit("Mul", batch, self.numbers([size.factor]))
            for size in sizes
        ]
        return parts[0] if len(parts) == 1 else self.emit("Concat", *parts, axis=0)

    def reshape(self, value: Operand, before: Sequence[Size], after: Sequence[Size]) -> str:
        """Return ``value`` of shape ``before`` in the shape ``after``, for every batch size."""
        if tuple(before) == tuple(after):
            return _name(value)
        target: list[Size] = [
            0 if isinstance(size, Batch) and position < len(before) and before[position] == size
            else size
            for position, size in enumerate(after)
        ]  # fmt: skip
        if sum(isinstance(size, Batch) for size in target) == 1:
            target = [-1 if isinstance(size, Batch) else size for size in target]
        return self.emit("Reshape", value, self.sizes(target))

    def transpose(self, value: Operand, order: Sequence[int]) -> str:
        """Return ``value`` with its axes in ``order``."""
        if list(order) == sorted(order):
            return _name(value)
        return self.emit("Transpose", value, perm=tuple(order))

    # --- the walk ---

    def feed(
        self, node: fx.Node, name: str, constant: Tensor | None, *, trained: bool = False
    ) -> Value:
        """Take a placeholder of the graph: an input of the network or a constant of the module of
        any shape, which may be ``trained``.
        """
        fake = node.meta["val"]
        value = Value(name, tuple(map(as_size, fake.shape)), fake.dtype)
        if constant is not None:
            self.constants[name] = constant
            self.trained[name] = {name: constant.numel()} if trained else {}
        elif value.shape and isinstance(value.shape[0], Batch):
            self._batch_source = self._batch_source or name
        self.values[node] = value
        return value

    def run(self, node: fx.Node) -> None:
        """Translate the call at ``node``.

        Raises ``FormatError`` for an operator without a rule or one that is used in a way that its
        rule does not cover, ``BatchError`` for a size that cannot be expressed.
        """
        result = node.meta.get("val")
        unused = not node.users and not (
            isinstance(node.target, torch._ops.OpOverload) and mutated(node.target)
        )
        if unused or isinstance(result, _NUMBERS):
            return  # taken from where it is used
        if node.target is operator.getitem:
            source, index = node.args
            assert isinstance(source, fx.Node) and isinstance(index, int)
            if index >= len(self.values[source]):
                raise FormatError(
                    f"{describe(source)}: its result {index} cannot be had in a graph."
                )
            self.values[node] = self.values[source][index]
            return
        if not isinstance(node.target, torch._ops.OpOverload):
            raise FormatError(
                f"{describe(node)}: {node.target} cannot be imported; write the branch or loop "
                "with torch.where, or import the part around it on its own."
            )
        if result is None:
            return  # an assertion
        arguments = {
            name: self._argument(argument) for name, argument in bound(node.target, node).items()
        }
        self._stem, self._where, self._count = node.name, describe(node), 0
        self.values[node] = (
            self._execute(node.target, arguments)
            if self._is_constant(arguments)
            else self._translate(node, arguments)
        )
        for name in mutated(node.target):
            target = bound(node.target, node)[name]
            self.values[target] = self.values[node]

    def _argument(self, argument: Any) -> Any:
        if isinstance(argument, fx.Node):
            fake = argument.meta["val"]
            return as_size(fake) if isinstance(fake, _NUMBERS) else self.values[argument]
        if isinstance(argument, list | tuple):
            return [self._argument(one) for one in argument]
        return argument

    def _is_constant(self, arguments: Mapping[str, Any]) -> bool:
        leaves = [leaf for argument in arguments.values() for leaf in _leaves(argument)]
        return all(
            leaf.name in self.constants for leaf in leaves if isinstance(leaf, Value)
        ) and not any(isinstance(leaf, Batch) for leaf in leaves)

    def _execute(
        self, target: torch._ops.OpOverload[..., Any], arguments: Mapping[str, Any]
    ) -> Any:
        """Return the results of a call whose arguments are all constants, as constants."""

        def real(argument: Any) -> Any:
            if isinstance(argument, Value):
                return self.constants[argument.name]
            return [real(one) for one in argument] if isinstance(argument, list) else argument

        if torch.Tag.nondeterministic_seeded in target.tags and operator_name(target) not in RULES:
            raise FormatError(
                f"{self._where}: it draws random numbers, which would be the same ones at every "
                "call of a graph: give them to the module as an input."
            )
        positional, named = [], {}
        for one in target._schema.arguments:
            if one.kwarg_only:
                named[one.name] = real(arguments[one.name])
            else:
                positional.append(real(arguments[one.name]))
        with torch.no_grad():
            result = target(*positional, **named)
        several = isinstance(result, list | tuple)
        leaves = [leaf for argument in arguments.values() for leaf in _leaves(argument)]
        behind = [self.trained.get(one.name, {}) for one in leaves if isinstance(one, Value)]
        values = tuple(
            Value(self.constant(one), tuple(one.shape), one.dtype)
            for one in (result if several else [result])
        )
        for value in values:
            self.trained[value.name] = {name: size for one in behind for name, size in one.items()}
        return values if several else values[0]

    def _translate(self, node: fx.Node, arguments: Mapping[str, Any]) -> Any:
        assert isinstance(node.target, torch._ops.OpOverload)
        name = operator_name(node.target)
        fakes = node.meta["val"]
        several = isinstance(fakes, list | tuple)
        results = tuple(
            Value("", tuple(map(as_size, one.shape)), one.dtype)
            for one in (fakes if several else [fakes])
        )
        names = RULES[name](self, Call(name, arguments, results, self._where))
        values = tuple(
            Value(one, *result[1:])
            for one, result in zip(
                [names] if isinstance(names, str) else names, results, strict=False
            )
        )
        return values if several else values[0]


def operator_name(target: torch._ops.OpOverload[..., Any]) -> str:
    """Return the name that rules have for an operator; one that changes its argument has that of
    the function without the change.
    """
    name = str(target._schema.name)
    name = name.removeprefix("aten::")
    return name[:-1] if name.endswith("_") and mutated(target) else name


def mutated(target: torch._ops.OpOverload[..., Any]) -> list[str]:
    """Return the names of the arguments that an operator changes."""
    return [
        one.name
        for one in target._schema.arguments
        if one.alias_info is not None and one.alias_info.is_write
    ]


def bound(target: torch._ops.OpOverload[..., Any], node: fx.Node) -> dict[str, Any]:
    """Return the arguments of a call by the names of the schema, defaults included."""
    names = [one.name for one in target._schema.arguments if not one.kwarg_only]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    return {
        one.name: given.get(one.name, one.default_value if one.has_default_value() else None)
        for one in target._schema.arguments
    }


def as_size(size: Any) -> Size:
    """Return a dimension of an exported tensor; raises ``BatchError`` for one that is no multiple
    of the batch size.
    """
    if isinstance(size, torch.SymFloat | torch.SymBool):
        raise BatchError(f"the number {size} depends on the batch size.")
    if not isinstance(size, torch.SymInt):
        return int(size)
    expression = size.node.expr
    one, two, three = (
        expression.subs(dict.fromkeys(expression.free_symbols, batch)) for batch in (1, 2, 3)
    )
    if not expression.free_symbols:
        return int(expression)
    if (two, three) != (2 * one, 3 * one):
        raise BatchError(f"the size {expression} is no multiple of the batch size.")
    return Batch(int(one))


def describe(node: fx.Node) -> str:
    """Return how messages speak of a call: the submodule, the operator and the line of code."""
    stack = [name for name, _ in node.meta.get("nn_module_stack", {}).values() if name]
    lines = str(node.meta.get("stack_trace") or "").strip().splitlines()[-2:]
    module = f" in module {stack[-1]!r}" if stack else ""
    line = f" ({' '.join(part.strip() for part in lines)})" if lines else ""
    return f"operator {node.target}{module}{line}"


_NUMBERS = (torch.SymInt, torch.SymFloat, torch.SymBool, int, float, bool)


def _name(operand: Operand) -> str:
    return operand.name if isinstance(operand, Value) else operand or ""


def _leaves(argument: Any) -> list[Any]:
    if isinstance(argument, list):
        return [leaf for one in argument for leaf in _leaves(one)]
    return [argument]
