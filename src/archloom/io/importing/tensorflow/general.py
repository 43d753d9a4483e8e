"""TensorFlow operators on tensors of any shape.

More than 400 lines: one short function per operator, as TensorFlow names them.
"""

from __future__ import annotations

from typing import Any

import torch

from archloom.io.importing.tensorflow.messages import Node
from archloom.io.importing.tensorflow.translator import (
    CHANNELS_LAST,
    Result,
    Rule,
    Translator,
    Value,
    plain,
    rule,
    type_of,
    without,
)
from archloom.io.importing.torch.translator import onnx_type

_LAST = 2**63 - 1


# --- sources and what changes nothing ------------------------------------------------------------


@rule("Const")
def constant(t: Translator, node: Node) -> Result:
    """A constant."""
    tensor = node.attributes.get("value")
    if not isinstance(tensor, torch.Tensor):
        raise node.refuse("a constant of texts, which no network computes with.")
    return plain(t.add_constant(tensor, node.name), tensor.dim())


@rule("Identity", "StopGradient", "PreventGradient", "CheckNumerics", "Snapshot")
def same(t: Translator, node: Node) -> Result:
    """The input itself."""
    return t.value(node)


@rule("PlaceholderWithDefault")
def default(t: Translator, node: Node) -> Result:
    """The default, which is what a network in use reads."""
    return t.value(node)


@rule("IdentityN")
def several(t: Translator, node: Node) -> Result:
    """The inputs themselves."""
    return tuple(t.values(node))


@rule("Switch")
def switch(t: Translator, node: Node) -> Result:
    """The branch that a constant condition takes; the other one is dead."""
    taken = bool(t.constant(node, 1).item())
    value = t.value(node)
    return (None, value) if taken else (value, None)


@rule("Merge")
def merge(t: Translator, node: Node) -> Result:
    """The one input that is alive."""
    for position, name in enumerate(node.inputs):
        if not t.is_dead(name):
            return t.value(node, position), plain(t.integers(position), 0)
    return (None, None)


@rule("Cast")
def cast(t: Translator, node: Node) -> Result:
    """Cast; floats of any width are float32 here."""
    value, name = t.value(node), type_of(node, "DstT")
    if t.dtype(value) == name:
        return value
    return Value(t.emit("Cast", value.name, to=onnx_type(getattr(torch, name))), value.order)


# --- elementwise ---------------------------------------------------------------------------------


def _unary(op_type: str, **attributes: Any) -> Rule:
    def function(t: Translator, node: Node) -> Result:
        value = t.value(node)
        return Value(t.emit(op_type, value.name, **attributes), value.order)

    return function


for _name, _op in {
    **{
        same: same
        for same in "Relu Elu Selu Sigmoid Tanh Softplus Softsign Exp Log Sqrt Abs Neg Floor Ceil "
        "Round Sign Erf Sin Cos Reciprocal".split()
    },
    "Inv": "Reciprocal",
    "LogicalNot": "Not",
}.items():
    rule(_name)(_unary(_op))


@rule("Relu6")
def relu6(t: Translator, node: Node) -> Result:
    """Clip to 0..6."""
    value = t.value(node)
    bounds = (t.number(bound, value) for bound in (0.0, 6.0))
    return Value(t.emit("Clip", value.name, *bounds), value.order)


@rule("LeakyRelu")
def leaky_relu(t: Translator, node: Node) -> Result:
    """LeakyRelu."""
    value, slope = t.value(node), node.attributes.get("alpha")
    result = t.emit("LeakyRelu", value.name, alpha=0.2 if slope is None else float(slope))
    return Value(result, value.order)


@rule("Rsqrt")
def rsqrt(t: Translator, node: Node) -> Result:
    """One over the root."""
    value = t.value(node)
    return Value(t.emit("Reciprocal", t.emit("Sqrt", value.name)), value.order)


@rule("Square")
def square(t: Translator, node: Node) -> Result:
    """The value times itself."""
    value = t.value(node)
    return Value(t.emit("Mul", value.name, value.name), value.order)


@rule("Softmax", "LogSoftmax")
def softmax(t: Translator, node: Node) -> Result:
    """Softmax over the last axis."""
    value = t.value(node)
    return Value(t.emit(node.op, value.name, axis=value.order[-1]), value.order)


def _elementwise(op_type: str) -> Rule:
    def function(t: Translator, node: Node) -> Result:
        names, order = t.aligned(t.values(node))
        return Value(t.emit(op_type, *names), order)

    return function


for _name, _op in {
    "Add": "Add",
    "AddV2": "Add",
    "Sub": "Sub",
    "Mul": "Mul",
    "RealDiv": "Div",
    "Div": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Pow": "Pow",
    "Equal": "Equal",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
    "SelectV2": "Where",
}.items():
    rule(_name)(_elementwise(_op))


@rule("AddN")
def add_all(t: Translator, node: Node) -> Result:
    """Sum of any number of tensors."""
    names, order = t.aligned(t.values(node))
    return Value(names[0] if len(names) == 1 else t.emit("Sum", *names), order)


@rule("NotEqual")
def not_equal(t: Translator, node: Node) -> Result:
    """Not of Equal."""
    names, order = t.aligned(t.values(node))
    return Value(t.emit("Not", t.emit("Equal", *names)), order)


@rule("SquaredDifference")
def squared_difference(t: Translator, node: Node) -> Result:
    """The difference times itself."""
    names, order = t.aligned(t.values(node))
    difference = t.emit("Sub", *names)
    return Value(t.emit("Mul", difference, difference), order)


@rule("FloorDiv")
def floor_divide(t: Translator, node: Node) -> Result:
    """Quotient, rounded down; whole numbers go through float64."""
    values = t.values(node)
    names, order = t.aligned(values)
    dtype = getattr(torch, t.dtype(values[0]))
    if dtype.is_floating_point:
        return Value(t.emit("Floor", t.emit("Div", *names)), order)
    wide = [t.emit("Cast", name, to=onnx_type(torch.float64)) for name in names]
    quotient = t.emit("Floor", t.emit("Div", *wide))
    return Value(t.emit("Cast", quotient, to=onnx_type(dtype)), order)


@rule("FloorMod")
def floor_mod(t: Translator, node: Node) -> Result:
    """Remainder with the sign of the divisor."""
    values = t.values(node)
    names, order = t.aligned(values)
    if not getattr(torch, t.dtype(values[0])).is_floating_point:
        return Value(t.emit("Mod", *names), order)
    whole = t.emit("Floor", t.emit("Div", *names))
    return Value(t.emit("Sub", names[0], t.emit("Mul", whole, names[1])), order)


@rule("BiasAdd", "BiasAddV1")
def bias_add(t: Translator, node: Node) -> Result:
    """Add of one number per channel."""
    value, bias = t.value(node), t.constant(node, 1)
    channel = 1 if node.attributes.get("data_format") == "NCHW" else len(value.order) - 1
    shape = [1] * len(value.order)
    shape[value.order[channel]] = -1
    name = t.add_constant(bias.reshape(shape).contiguous())
    return Value(t.emit("Add", value.name, name), value.order)


# --- reductions ----------------------------------------------------------------------------------


@rule("Mean", "Sum", "Max", "Min", "Prod")
def reduce(t: Translator, node: Node) -> Result:
    """A reduction over constant axes."""
    value, keep = t.value(node), bool(node.attributes.get("keep_dims"))
    axes = sorted({axis % len(value.order) for axis in t.numbers(node, 1)})
    if not axes:
        return value
    places = t.integers(sorted(value.order[axis] for axis in axes))
    name = t.emit(f"Reduce{node.op}", value.name, places, keepdims=int(keep))
    return Value(name, value.order if keep else without(value.order, axes))


@rule("ArgMax", "ArgMin")
def arg(t: Translator, node: Node) -> Result:
    """Index of the largest or smallest element."""
    value = t.value(node)
    axis = t.numbers(node, 1)[0] % len(value.order)
    name = t.emit(node.op, value.name, axis=value.order[axis], keepdims=0)
    if node.attributes.get("output_type") == 3:
        name = t.emit("Cast", name, to=onnx_type(torch.int32))
    return Value(name, without(value.order, [axis]))


# --- products ------------------------------------------------------------------------------------


@rule("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def matmul(t: Translator, node: Node) -> Result:
    """MatMul of the last two axes."""
    names = []
    for position, flags in enumerate((("transpose_a", "adj_x"), ("transpose_b", "adj_y"))):
        value = t.value(node, position)
        rank = len(value.order)
        name = t.plain(value)
        if any(node.attributes.get(flag) for flag in flags):
            axes = (*range(rank - 2), rank - 1, rank - 2)
            name = t.emit("Transpose", name, perm=axes)
        names.append(name)
    return plain(t.emit("MatMul", *names), max(len(one.order) for one in t.values(node)))


@rule("Einsum")
def einsum(t: Translator, node: Node) -> Result:
    """Einsum."""
    equation = str(node.attributes["equation"]).replace(" ", "")
    names = [t.plain(value) for value in t.values(node)]
    return plain(t.emit("Einsum", *names, equation=equation), len(equation.split("->")[-1]))


# --- shapes --------------------------------------------------------------------------------------


def _whole(t: Translator, value: Value) -> str:
    """Return a vector of whole numbers as int64."""
    if t.dtype(value) == "int64":
        return value.name
    return t.emit("Cast", value.name, to=onnx_type(torch.int64))


@rule("Shape")
def shape(t: Translator, node: Node) -> Result:
    """Shape, as TensorFlow orders the axes."""
    value = t.value(node)
    name = t.emit("Shape", value.name)
    if not value.is_plain:
        name = t.emit("Gather", name, t.integers(value.order), axis=0)
    return plain(t.emit("Cast", name, to=onnx_type(getattr(torch, _out_type(node)))), 1)


def _out_type(node: Node) -> str:
    return type_of(node, "out_type") if node.attributes.get("out_type") else "int32"


@rule("Size", "Rank")
def size(t: Translator, node: Node) -> Result:
    """Number of elements or of axes."""
    value = t.value(node)
    name = t.integers(len(value.order)) if node.op == "Rank" else t.emit("Size", value.name)
    return plain(t.emit("Cast", name, to=onnx_type(torch.int32)), 0)


@rule("Reshape")
def reshape(t: Translator, node: Node) -> Result:
    """Reshape; a map goes through TensorFlow's order of its axes."""
    value, target = t.plain(t.value(node)), t.value(node, 1)
    rank = t.shape(target)[0]
    return plain(t.emit("Reshape", value, _whole(t, target)), rank)


@rule("Squeeze")
def squeeze(t: Translator, node: Node) -> Result:
    """Squeeze; without axes all of size 1 but the batch."""
    value = t.value(node)
    found, rank = t.shape(value), len(value.order)
    listed = node.attributes.get("squeeze_dims") or node.attributes.get("axis") or []
    axes = sorted(int(axis) % rank for axis in listed)
    axes = axes or [axis for axis in range(1, rank) if found[axis] == 1]
    if not axes:
        return value
    places = t.integers(sorted(value.order[axis] for axis in axes))
    return Value(t.emit("Squeeze", value.name, places), without(value.order, axes))


@rule("ExpandDims")
def expand_dims(t: Translator, node: Node) -> Result:
    """Unsqueeze."""
    value = t.value(node)
    rank = len(value.order) + 1
    axis = t.numbers(node, 1)[0] % rank
    return plain(t.emit("Unsqueeze", t.plain(value), t.integers([axis])), rank)


@rule("Transpose")
def transpose(t: Translator, node: Node) -> Result:
    """Nothing but another order of the axes."""
    value = t.value(node)
    return Value(value.name, tuple(value.order[axis] for axis in t.numbers(node, 1)))


@rule("Pack")
def pack(t: Translator, node: Node) -> Result:
    """Concat along a new axis."""
    values = t.values(node)
    rank = len(values[0].order) + 1
    axis = int(node.attributes.get("axis") or 0) % rank
    place = t.integers([axis])
    parts = [t.emit("Unsqueeze", t.plain(value), place) for value in values]
    return plain(t.emit("Concat", *parts, axis=axis), rank)


@rule("Unpack")
def unpack(t: Translator, node: Node) -> Result:
    """One element of an axis after the other."""
    value = t.value(node)
    rank = len(value.order)
    axis = int(node.attributes.get("axis") or 0) % rank
    name = t.plain(value)
    return tuple(
        plain(t.emit("Gather", name, t.integers(index), axis=axis), rank - 1)
        for index in range(int(node.attributes.get("num") or 0))
    )


@rule("ConcatV2")
def concatenate(t: Translator, node: Node) -> Result:
    """Concat."""
    return _concat(t, node, list(range(len(node.inputs) - 1)), len(node.inputs) - 1)


@rule("Concat")
def concatenate_of_old(t: Translator, node: Node) -> Result:
    """Concat; the axis comes first."""
    return _concat(t, node, list(range(1, len(node.inputs))), 0)


def _concat(t: Translator, node: Node, parts: list[int], axis_at: int) -> Result:
    names, order = t.aligned([t.value(node, position) for position in parts])
    axis = t.numbers(node, axis_at)[0] % len(order)
    if len(names) == 1:
        return Value(names[0], order)
    return Value(t.emit("Concat", *names, axis=order[axis]), order)


@rule("Split", "SplitV")
def split(t: Translator, node: Node) -> Result:
    """Split; the axis comes first, in SplitV last."""
    first = node.op == "SplitV"
    value = t.value(node, 0 if first else 1)
    axis = t.numbers(node, 2 if first else 0)[0] % len(value.order)
    number = int(node.attributes.get("num_split") or 1)
    length = t.shape(value)[axis]
    sizes = t.numbers(node, 1) if first else [length // number] * number
    if -1 in sizes:
        sizes[sizes.index(-1)] = length - sum(sizes) - 1
    names = t.emit_all(
        "Split", value.name, t.integers(sizes), outputs=len(sizes), axis=value.order[axis]
    )
    return tuple(Value(name, value.order) for name in names)


@rule("Slice")
def slice_(t: Translator, node: Node) -> Result:
    """Slice from a start of a given size; -1 goes to the end."""
    value, starts, sizes = t.value(node), t.numbers(node, 1), t.numbers(node, 2)
    ends = [_LAST if s == -1 else start + s for start, s in zip(starts, sizes, strict=True)]
    cut = [(axis, *bounds, 1) for axis, bounds in enumerate(zip(starts, ends, strict=True))]
    return Value(_sliced(t, value, cut), value.order)


@rule("StridedSlice")
def strided_slice(t: Translator, node: Node) -> Result:
    """Slice with masks: bits say which bounds are open, which axes vanish, are new or left out."""
    value = t.value(node)
    begin, end, ellipsis, new, shrink = (
        int(node.attributes.get(f"{name}_mask") or 0)
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    )
    bounds = list(zip(*(t.numbers(node, position) for position in (1, 2, 3)), strict=True))
    left_out = len(value.order) - len(bounds) + 1 + new.bit_count()
    axis, made, gone, added, cut = 0, 0, [], [], []
    for position, (start, stop, step) in enumerate(bounds):
        bit = 1 << position
        if ellipsis & bit:
            axis, made = axis + left_out, made + left_out
            continue
        if new & bit:
            added.append(made)
            made += 1
            continue
        if shrink & bit:
            gone.append(axis)
            cut.append((axis, start, start + 1 if start != -1 else _LAST, 1))
        else:
            start = (0 if step > 0 else -1) if begin & bit else start
            stop = (_LAST if step > 0 else -_LAST) if end & bit else stop
            cut.append((axis, start, stop, step))
            made += 1
        axis += 1
    name, order = _sliced(t, value, cut), without(value.order, gone)
    if gone:
        name = t.emit("Squeeze", name, t.integers(sorted(value.order[one] for one in gone)))
    if not added:
        return Value(name, order)
    name = t.emit("Unsqueeze", t.plain(Value(name, order)), t.integers(added))
    return plain(name, len(order) + len(added))


def _sliced(t: Translator, value: Value, cut: list[tuple[int, int, int, int]]) -> str:
    """Return ``value`` cut to (axis, start, end, step); what takes a whole axis, such as the batch
    whatever its size, is left out.
    """
    shape = t.shape(value)
    cut = [
        (axis, start, end, step)
        for axis, start, end, step in cut
        if (start, step) != (0, 1) or end < shape[axis]
    ]
    if not cut:
        return value.name
    axes, *bounds = (list(column) for column in zip(*cut, strict=True))
    places = [value.order[axis] for axis in axes]
    return t.emit("Slice", value.name, *map(t.integers, (*bounds[:2], places, bounds[2])))


@rule("GatherV2", "Gather")
def gather(t: Translator, node: Node) -> Result:
    """Gather along one axis."""
    value, index = t.value(node), t.value(node, 1)
    axis = t.numbers(node, 2)[0] % len(value.order) if node.op == "GatherV2" else 0
    name = t.emit("Gather", t.plain(value), t.plain(index), axis=axis)
    return plain(name, len(value.order) - 1 + len(index.order))


@rule("Tile")
def tile(t: Translator, node: Node) -> Result:
    """Tile."""
    value = t.value(node)
    name = t.emit("Tile", t.plain(value), _whole(t, t.value(node, 1)))
    return plain(name, len(value.order))


@rule("BroadcastTo")
def broadcast_to(t: Translator, node: Node) -> Result:
    """Expand."""
    target = t.value(node, 1)
    name = t.emit("Expand", t.plain(t.value(node)), _whole(t, target))
    return plain(name, t.shape(target)[0])


@rule("Fill")
def fill(t: Translator, node: Node) -> Result:
    """Expand of one number."""
    target = t.value(node, 0)
    name = t.emit("Expand", t.value(node, 1).name, _whole(t, target))
    return plain(name, t.shape(target)[0])


@rule("ZerosLike", "OnesLike")
def filled_like(t: Translator, node: Node) -> Result:
    """Expand of zero or one to the shape of another tensor."""
    value = t.value(node)
    number = t.number(float(node.op == "OnesLike"), value)
    return Value(t.emit("Expand", number, t.emit("Shape", value.name)), value.order)


@rule("Range")
def range_(t: Translator, node: Node) -> Result:
    """Range."""
    return plain(t.emit("Range", *(value.name for value in t.values(node))), 1)


@rule("Placeholder")
def placeholder(t: Translator, node: Node) -> Result:
    """An input; a map is stored as NCHW."""
    one = t.inputs[node.name]
    return Value(node.name, CHANNELS_LAST if node.name in t.maps else tuple(range(len(one.shape))))
