"""The values of an imported network: their types, which are constant, and what the batch changes.

Every operation is tried at two batch sizes, 1 and another, without computing anything. What is the
same at both and depends on constants alone is folded; where a constant follows from the batch (the
target of a Reshape), it is put so that it holds for every batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError, GraphError
from archloom.execute.folding import computed
from archloom.execute.types import output_types
from archloom.graph.definition import (
    OPSET,
    Definition,
    Operand,
    Slot,
    TensorType,
)
from archloom.io.importing.batch import batch_axis, joins_batch
from archloom.io.importing.operations import Body, Network, Operation
from archloom.io.importing.reshaping import general_reshape
from archloom.io.importing.steps import Step, Value, constant_value, is_float, literal_of, type_of

_LARGEST_FOLDED = 1 << 28  # elements
_SHORT = {True: 8, False: 256}
_PLACEHOLDER = TensorType("float32", ())
_RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform"}
_RANDOM |= {"RandomUniformLike"}
_CONTROL = {"If", "Loop", "Scan", "SequenceMap", "SequenceEmpty", "SequenceConstruct", "Optional"}
_RESHAPING = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}


class Values:
    """All values by name and the steps that are left to be executed, in order.

    bound    the first step that is made for one batch size, "" where there is none
    joined   the first step that joins the examples of a batch, "" where there is none
    """

    def __init__(self, network: Network) -> None:
        self.of: dict[str, Value] = {}
        self.steps: list[Step] = []
        self.bound = self.joined = ""
        self._stated = network.types
        self._trained = network.trained
        self.written_wide = network.batch > 1  # constants hold for the second batch size
        self.is_open = network.batch == 0
        self.read_batch = max(network.batch, 1)
        self._wide_batch = max(network.batch, 2)
        for name, one in network.inputs.items():
            wide, axis = list(one.shape), network.batch_axes.get(name, 0)
            if axis is not None and wide:
                wide[axis] *= self._wide_batch
            self.of[name] = Value(one, tuple(wide))
        self._enter_constants(network.constants)
        for operation in network.operations:
            self.resolve(operation)

    def constant(
        self, data: NDArray[Any], origin: str = "", trained: Mapping[str, int] | None = None
    ) -> str:
        """Enter a new constant and return its name."""
        name = f"constant {len(self.of)}"
        self.of[name] = constant_value(data, origin, trained)
        return name

    def _enter_constants(self, constants: Mapping[str, NDArray[Any]]) -> None:
        for name, data in constants.items():
            self.of[name] = constant_value(data, name, self._trained.get(name))

    def resolve(self, operation: Operation) -> None:
        """Take in an operation whose inputs are known."""
        if operation.op_type in _CONTROL and not operation.domain:
            self._branch(operation)
            return
        attributes = {
            key: value for key, value in operation.attributes.items() if not isinstance(value, Body)
        }
        step = Step(
            operation.op_type,
            list(operation.inputs),
            list(operation.outputs),
            attributes,
            operation.domain,
            operation.name,
            operation.version,
        )
        missing = [name for name in step.inputs if name and name not in self.of]
        if missing:
            raise FormatError(
                f"{step.where} reads {missing[0]!r}, which nothing before it computes: the model "
                "is damaged or its operations are not in order."
            )
        twice = [name for name in step.outputs if name and name in self.of]
        if twice:
            raise FormatError(
                f"{step.where} computes {twice[0]!r}, which is there already: the model is damaged,"
                " every value needs a name of its own."
            )
        if step.op_type in ("Shape", "Size") and not step.domain:
            self._shape(step)
        elif self._folds(step):
            self._fold(step)
        else:
            if step.op_type == "Concat" and not step.domain:
                self._repeat_constants(step)
            self._infer(step)

    def _repeat_constants(self, step: Step) -> None:
        """Repeat a constant that is joined with tensors of a batch (a class token) for every one of
        the batch.
        """
        places = {name: batch_axis(self.of[name]) for name in step.inputs}
        batched = next((name for name, axis in places.items() if axis is not None), None)
        axis = places.get(batched or "")
        if batched is None or axis is None or step.attributes.get("axis") == axis:
            return
        for position, name in enumerate(step.inputs):
            one = self.of[name]
            if not one.is_constant or one.data is None or axis >= one.data.ndim:
                continue
            row = one.data.take([0], axis)
            if one.shape[axis] in (1, self.read_batch) and (one.data == row).all():
                origin = one.origin if row.shape == one.shape else ""
                step.inputs[position] = self._repeated(
                    step,
                    position,
                    self.constant(row, origin, one.trained),
                    batched,
                    axis,
                )

    def _repeated(self, step: Step, position: int, row: str, batched: str, axis: int) -> str:
        """Return the constant ``row`` repeated along ``axis`` as often as ``batched`` is long."""
        shape = self.of[row].shape
        size, target, result = (f"{step.outputs[0]} {part}{position}" for part in "bte")
        ends = [self.constant(np.array(part)) for part in (shape[:axis], shape[axis + 1 :]) if part]
        parts = (*ends[: bool(axis)], size, *ends[bool(axis) :])
        self.resolve(Operation("Shape", (batched,), (size,), {"start": axis, "end": axis + 1}))
        self.resolve(Operation("Concat", parts, (target,), {"axis": 0}))
        self.resolve(Operation("Expand", (row, target), (result,), name=step.name))
        return result

    def _branch(self, operation: Operation) -> None:
        """Take the branch of an ``If`` with a constant condition."""
        condition = self.of.get(operation.inputs[0]) if operation.op_type == "If" else None
        if condition is None or not condition.is_constant:
            raise FormatError(
                f"node {operation.name or operation.outputs[0]!r} ({operation.op_type}) is control "
                "flow that depends on data, which a graph cannot hold: export the model without "
                "it, for instance with fixed input sizes or after simplification."
            )
        assert condition.data is not None
        body = operation.attributes["then_branch" if condition.data.item() else "else_branch"]
        assert isinstance(body, Body)
        self._enter_constants(body.constants)
        for inner in body.operations:
            self.resolve(inner)
        for outer, inner_name in zip(operation.outputs, body.outputs, strict=True):
            self.resolve(Operation("Identity", (inner_name,), (outer,), name=operation.name))

    def _shape(self, step: Step) -> None:
        """Take the shape of a value for what it is at both batch sizes."""
        one = self.of[step.inputs[0]]
        both = []
        for shape in (one.shape, one.wide or one.shape):
            start, end = step.attributes.get("start", 0), step.attributes.get("end", len(shape))
            assert isinstance(start, int) and isinstance(end, int)
            data: Any = list(shape[start:end]) if step.op_type == "Shape" else math.prod(shape)
            both.append(np.array(data, dtype=np.int64))
        self._enter_computed(step, both[:1], both[1:])

    def _enter_computed(
        self, step: Step, results: Sequence[NDArray[Any]], wides: Sequence[NDArray[Any] | None]
    ) -> None:
        """Enter what a step computes from constants; it stays when the batch changes it."""
        varies, trained = False, self._behind(step)
        for name, data, wide in zip(step.outputs, results, wides, strict=False):
            if wide is not None and (data.shape != wide.shape or not np.array_equal(data, wide)):
                self.of[name] = Value(type_of(data), tuple(wide.shape), data, wide)
                varies = True
            elif name:
                self.of[name] = constant_value(data, trained=trained)
        if varies:
            self.steps.append(step)

    def _behind(self, step: Step) -> dict[str, int] | None:
        """Return the parameters behind what a step computes from constants; whole numbers, such as
        axes, say nothing of that.
        """
        inputs = [self.of[name] for name in step.inputs if name]
        known = [one.trained for one in inputs if one.data is not None and is_float(one.data)]
        found = [one for one in known if one is not None]
        return {name: size for one in found for name, size in one.items()} if found else None

    def _folds(self, step: Step) -> bool:
        if step.op_type in _RANDOM or step.domain:
            return False
        return all(self.of[name].data is not None for name in step.inputs if name)

    def _fold(self, step: Step) -> None:
        """Compute a step of constants."""
        size = sum(one.size for one in self.types(step, wide=False) or ())
        if size > _LARGEST_FOLDED:
            raise FormatError(
                f"{step.where} would fill {size:,} elements with a constant: the model is damaged, "
                "or has to be exported with smaller sizes."
            )
        inputs = [self.of[name] if name else None for name in step.inputs]
        narrow = [one.data if one else None for one in inputs]
        results = computed(self._definition(step, wide=False), narrow, step.where)
        wides: Sequence[NDArray[Any] | None] = [None] * len(results)
        if any(one is not None and one.wide_data is not None for one in inputs):
            definition = self._definition(step, wide=True)
            wides = computed(definition, [_wide_data(one) for one in inputs], step.where)
        self._enter_computed(step, results, wides)

    def _infer(self, step: Step) -> None:
        outer = None
        if step.op_type in _RESHAPING and not step.domain:
            outer = general_reshape(self, step)
        types = self.types(step, wide=False) or self._stated_types(step)
        wides = self._wide_types(step, types)
        absent = [name for name in step.outputs[len(types) :] if name]
        if absent:
            raise FormatError(
                f"{step.where}: its output {absent[0]!r} is not computed: archloom knows "
                f"{len(types)} of the outputs of {step.op_type}."
            )
        outer = self._outer(step) if outer is None else outer
        for position, name in enumerate(step.outputs):
            if name:
                wide = wides[position].shape if wides else None
                self.of[name] = Value(types[position], wide, outer=outer)
        if not self.joined and joins_batch(self.of, step, self._wide_batch):
            self.joined = step.where
        self.steps.append(step)

    def _outer(self, step: Step) -> int:
        """Return ``Value.outer`` of what a step computes that leaves the batch where it is."""
        values = [self.of[name] for name in step.inputs if name]
        known = {one.outer for one in values if batch_axis(one) is not None} or {1}
        return known.pop() if len(known) == 1 else 0

    def _wide_types(self, step: Step, types: Sequence[TensorType]) -> Sequence[TensorType] | None:
        """Return the types at the second batch size, None where there are none."""
        inputs = [self.of[name] for name in step.inputs if name]
        if any(one.wide is None for one in inputs):
            return None
        if all(one.wide == one.shape and one.wide_data is None for one in inputs):
            return types
        try:
            found = self.types(step, wide=True)
        except (FormatError, GraphError):
            found = None
        if found is None and not self.bound:
            self.bound = step.where
        return found

    def _stated_types(self, step: Step) -> Sequence[TensorType]:
        missing = [name for name in step.outputs if name and name not in self._stated]
        if missing:
            operator = f"{step.domain}.{step.op_type}" if step.domain else step.op_type
            raise FormatError(
                f"{step.where}: nothing is known of the shape of its output {missing[0]!r}, which "
                f"the operator {operator} decides: store it in the model (value_info), or export "
                "the model with known operators and fixed sizes."
            )
        found = [self._stated[name] if name else _PLACEHOLDER for name in step.outputs]
        if not self.written_wide:
            return found
        return [  # stated for the batch that the source fixes
            replace(one, shape=(1, *one.shape[1:])) if one.shape[:1] == (self.read_batch,) else one
            for one in found
        ]

    def types(self, step: Step, *, wide: bool) -> tuple[TensorType, ...] | None:
        """Return the types of what a step computes at batch 1 or the second size, None where they
        depend on data; raises ``FormatError`` where its inputs do not fit.
        """
        try:
            return output_types(self._definition(step, wide=wide))
        except GraphError as error:
            raise FormatError(f"{step.where}: {error}") from error

    def _definition(self, step: Step, *, wide: bool) -> Definition:
        """Return the step as a definition for inference."""
        slots: list[Slot] = []
        for name in step.inputs:
            one = self.of[name] if name else None
            if one is None:
                slots.append(None)
                continue
            data = _wide_data(one) if wide else one.data
            if data is not None and is_short(data):
                slots.append(literal_of(data))
            else:
                shape = one.wide if wide and one.wide is not None else one.shape
                slots.append(Operand(TensorType(one.type.dtype, shape)))
        outputs = (_PLACEHOLDER,) * len(step.outputs)
        attributes = tuple(sorted(step.attributes.items()))
        version = step.version or OPSET
        return Definition(step.op_type, tuple(slots), outputs, attributes, step.domain, version)


def is_short(data: NDArray[Any]) -> bool:
    """Return whether a constant may be a few numbers that say what an operator does."""
    return data.size <= _SHORT[is_float(data)]


def _wide_data(one: Value | None) -> NDArray[Any] | None:
    if one is None:
        return None
    return one.data if one.wide_data is None else one.wide_data
