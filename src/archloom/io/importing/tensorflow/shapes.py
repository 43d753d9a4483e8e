"""TensorFlow operators that move elements: reshaping, slicing, joining, repeating, looking up."""

from __future__ import annotations

import torch

from archloom.execute.operators.table import onnx_type
from archloom.io.importing.tensorflow.messages import Node
from archloom.io.importing.tensorflow.translator import (
    Result,
    Translator,
    Value,
    plain,
    rule,
    type_of,
    without,
)

_LAST = 2**63 - 1


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
