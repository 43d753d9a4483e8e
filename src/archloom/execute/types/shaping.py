"""Types of operators that move, cut and join elements."""

from __future__ import annotations

import math

from archloom.execute.types.table import (
    MANY,
    Types,
    around,
    axes_of,
    axis_of,
    floats,
    form,
    joined,
    numbers,
    without,
)
from archloom.graph.definition import Definition
from archloom.graph.definition import TensorType as Type


@form("Reshape", least=2, most=2, attributes="allowzero")
def _reshape(d: Definition, x: Type, _target: Type) -> Types:
    target = numbers(d, 1)
    if target is None:
        return None
    if not d.attribute("allowzero", 0):
        if any(size == 0 and axis >= len(x.shape) for axis, size in enumerate(target)):
            return None
        target = [x.shape[axis] if size == 0 else size for axis, size in enumerate(target)]
    known = math.prod(size for size in target if size != -1)
    if target.count(-1) == 1 and known > 0 and x.size % known == 0:
        target[target.index(-1)] = x.size // known
    fits = min(target, default=1) > 0 and math.prod(target) == x.size
    return (Type(x.dtype, tuple(target)),) if fits else None


@form("Flatten", attributes="axis")
def _flatten(d: Definition, x: Type) -> Types:
    axis = d.attribute("axis", 1)
    if not -len(x.shape) <= axis <= len(x.shape):
        return None
    return (Type(x.dtype, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))),)


@form("Squeeze", most=2)
def _squeeze(d: Definition, x: Type, _axes_type: Type | None = None) -> Types:
    given = numbers(d, 1)
    everywhere = len(d.inputs) < 2 or d.inputs[1] is None
    axes = None if given is None else axes_of(given, len(x.shape))
    if everywhere:
        axes = list(range(len(x.shape)))
    if axes is None:
        return None
    ones = [axis for axis in axes if x.shape[axis] == 1]
    return (Type(x.dtype, without(x.shape, ones, keep=False)),)


@form("Unsqueeze", least=2, most=2)
def _unsqueeze(d: Definition, x: Type, _axes_type: Type) -> Types:
    given = numbers(d, 1)
    axes = None if given is None else axes_of(given, len(x.shape) + len(given))
    if axes is None:
        return None
    rest = iter(x.shape)
    rank = len(x.shape) + len(axes)
    return (Type(x.dtype, tuple(1 if axis in axes else next(rest) for axis in range(rank))),)


@form("Transpose", attributes="perm")
def _transpose(d: Definition, x: Type) -> Types:
    perm = d.attribute("perm", tuple(reversed(range(len(x.shape)))))
    if sorted(perm) != list(range(len(x.shape))):
        return None
    return (Type(x.dtype, tuple(x.shape[axis] for axis in perm)),)


@form("Concat", most=MANY, attributes="axis")
def _concat(d: Definition, x: Type, *others: Type) -> Types:
    axis = axis_of(d.attribute("axis", 0), len(x.shape)) if x.shape else None
    if axis is None or any(one is None or one.dtype != x.dtype for one in others):
        return None
    if any(around(one.shape, axis) != around(x.shape, axis) for one in others):
        return None
    total = sum(one.shape[axis] for one in (x, *others))
    return (Type(x.dtype, (*x.shape[:axis], total, *x.shape[axis + 1 :])),)


@form("Split", most=2, attributes="axis num_outputs")
def _split(d: Definition, x: Type, _sizes: Type | None = None) -> Types:
    axis, sizes = axis_of(d.attribute("axis", 0), len(x.shape)), numbers(d, 1)
    if axis is None or sizes is None:
        return None
    if not sizes:
        parts, total = len(d.outputs), x.shape[axis]
        size = -(-total // parts)
        sizes = [size] * (parts - 1) + [total - size * (parts - 1)]
    if min(sizes) < 1 or sum(sizes) != x.shape[axis]:
        return None
    before, after = around(x.shape, axis)
    return tuple(Type(x.dtype, (*before, size, *after)) for size in sizes)


@form("Slice", least=3, most=5)
def _slice(
    d: Definition,
    x: Type,
    _starts: Type,
    _ends: Type,
    _axes_type: Type | None = None,
    _steps_type: Type | None = None,
) -> Types:
    given = [numbers(d, slot) for slot in range(1, 5)]
    if None in given:
        return None
    starts, ends, where, steps = (one or [] for one in given)
    axes = axes_of(where or range(len(starts)), len(x.shape))
    steps = steps or [1] * len(starts)
    if axes is None or not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        return None
    shape = list(x.shape)
    for axis, *bounds in zip(axes, starts, ends, steps, strict=True):
        shape[axis] = len(range(*slice(*bounds).indices(shape[axis])))
    return (Type(x.dtype, tuple(shape)),)


@form("Pad", least=2, most=4, attributes="mode")
def _pad(
    d: Definition,
    x: Type,
    _pads: Type,
    _value: Type | None = None,
    _axes_type: Type | None = None,
) -> Types:
    pads, value, where = (numbers(d, slot) for slot in (1, 2, 3))
    if pads is None or value is None or where is None or not floats(x):
        return None
    axes = axes_of(where or range(len(x.shape)), len(x.shape))
    mode = d.attribute("mode", "constant")
    known = mode in ("constant", "reflect", "edge", "wrap")
    if axes is None or len(pads) != 2 * len(axes) or not known:
        return None
    shape = list(x.shape)
    for position, axis in enumerate(axes):
        pair = pads[position], pads[position + len(axes)]
        left = shape[axis] + sum(min(one, 0) for one in pair)  # by negative pads
        if left < 1 or (left < shape[axis] and mode != "constant"):
            return None
        shape[axis] += sum(pair)
    return (Type(x.dtype, tuple(shape)),)


@form("Expand", least=2, most=2)
def _expand(d: Definition, x: Type, _shape: Type) -> Types:
    target = numbers(d, 1)
    shape = None if target is None or min(target, default=1) < 1 else tuple(target)
    return None if shape is None else joined(x.dtype, x, Type(x.dtype, shape))


@form("Gather", least=2, most=2, attributes="axis")
def _gather(d: Definition, x: Type, indices: Type) -> Types:
    axis = axis_of(d.attribute("axis", 0), len(x.shape))
    if axis is None or indices.dtype not in ("int32", "int64"):
        return None
    before, after = around(x.shape, axis)
    return (Type(x.dtype, (*before, *indices.shape, *after)),)


@form("ConstantOfShape", attributes="value")
def _constant_of_shape(d: Definition, _shape: Type) -> Types:
    shape, value = numbers(d, 0), d.attribute("value")
    if shape is None or min(shape, default=1) < 1:
        return None
    return (Type(value.type.dtype if value else "float32", tuple(shape)),)


@form("DepthToSpace", attributes="blocksize mode")
@form("SpaceToDepth", attributes="blocksize")
def _blocks(d: Definition, x: Type) -> Types:
    block = d.attribute("blocksize", 0)
    known = d.attribute("mode", "DCR") in ("DCR", "CRD")
    if len(x.shape) != 4 or block < 1 or not known:
        return None
    batch, channels, height, width = x.shape
    if d.op_type == "DepthToSpace":
        shape = (batch, channels // block**2, height * block, width * block)
    else:
        shape = (batch, channels * block**2, height // block, width // block)
    return (Type(x.dtype, shape),) if math.prod(shape) == x.size else None


@form("Range", least=3, most=3)
def _range(d: Definition, start: Type, limit: Type, delta: Type) -> Types:
    bounds = [numbers(d, slot) for slot in range(3)]
    alike = start.dtype == limit.dtype == delta.dtype == "int64"
    if not alike or any(not one or len(one) != 1 for one in bounds) or 0 in (bounds[2] or ()):
        return None
    count = len(range(*(int(one[0]) for one in bounds if one)))
    return (Type(start.dtype, (count,)),) if count else None
