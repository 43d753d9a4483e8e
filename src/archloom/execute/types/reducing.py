"""Types of products, reductions and normalisations."""

from __future__ import annotations

import math

from archloom.execute.types.table import (
    Types,
    axes_of,
    axis_of,
    broadcast,
    floats,
    form,
    numbers,
    without,
)
from archloom.graph.definition import Definition
from archloom.graph.definition import TensorType as Type


@form("Gemm", least=2, most=3, attributes="alpha beta transA transB")
def _gemm(d: Definition, a: Type, b: Type, c: Type | None = None) -> Types:
    if not floats(a, b, c) or len(a.shape) != 2 or len(b.shape) != 2:
        return None
    rows, inner = reversed(a.shape) if d.attribute("transA", 0) else a.shape
    other, columns = reversed(b.shape) if d.attribute("transB", 0) else b.shape
    shape = (rows, columns)
    if inner != other or (c is not None and broadcast(c.shape, shape) != shape):
        return None
    return (Type(a.dtype, shape),)


@form("MatMul", least=2, most=2)
def _matmul(_: Definition, a: Type, b: Type) -> Types:
    if not floats(a, b) or min(len(a.shape), len(b.shape)) < 2 or a.shape[-1] != b.shape[-2]:
        return None
    batch = broadcast(a.shape[:-2], b.shape[:-2])
    return None if batch is None else (Type(a.dtype, (*batch, a.shape[-2], b.shape[-1])),)


@form("BatchNormalization", least=5, most=5, attributes="epsilon momentum training_mode")
def _batch_norm(d: Definition, x: Type, scale: Type, shift: Type, mean: Type, var: Type) -> Types:
    parts = (scale, shift, mean, var)
    fits = floats(x, *parts) and len(x.shape) > 1 and not d.attribute("training_mode", 0)
    return (x,) if fits and all(one.shape == x.shape[1:2] for one in parts) else None


@form("InstanceNormalization", least=3, most=3, attributes="epsilon")
def _instance_norm(_: Definition, x: Type, scale: Type, shift: Type) -> Types:
    fits = floats(x, scale, shift) and len(x.shape) > 2 and math.prod(x.shape[2:]) > 1
    return (x,) if fits and scale.shape == shift.shape == x.shape[1:2] else None


@form("LayerNormalization", least=2, most=3, attributes="axis epsilon stash_type")
def _layer_norm(d: Definition, x: Type, scale: Type, shift: Type | None = None) -> Types:
    axis = axis_of(d.attribute("axis", -1), len(x.shape)) if floats(x, scale, shift) else None
    if axis is None or any(one and one.shape != x.shape[axis:] for one in (scale, shift)):
        return None
    return (x,)


@form("Softmax", "LogSoftmax", attributes="axis")
def _softmax(d: Definition, x: Type) -> Types:
    fits = floats(x) and axis_of(d.attribute("axis", -1), len(x.shape)) is not None
    return (x,) if fits else None


@form(
    *(f"Reduce{kind}" for kind in "L1 L2 LogSum Max Mean Min Sum SumSquare".split()),
    most=2,
    attributes="keepdims noop_with_empty_axes",
)
def _reduce(d: Definition, x: Type, _axes_type: Type | None = None) -> Types:
    given = numbers(d, 1)
    if given is None or not floats(x) or not x.shape:
        return None
    if not given and d.attribute("noop_with_empty_axes", 0):
        return (x,)
    axes = axes_of(given or range(len(x.shape)), len(x.shape))
    if axes is None:
        return None
    return (Type(x.dtype, without(x.shape, axes, keep=bool(d.attribute("keepdims", 1)))),)
