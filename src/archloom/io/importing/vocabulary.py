"""Imported steps as nodes of the vocabulary: one function per operator, which adds a node or says
that the vocabulary has none for what the step does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from archloom.execute import NORM_EPSILON
from archloom.execute.geometry import Pads, window_of
from archloom.graph import Definition
from archloom.graph.shapes import same_pads
from archloom.io.importing.layout import is_pixel
from archloom.io.importing.rules import clip_bounds, is_hard_sigmoid, reduced_axes
from archloom.io.importing.steps import Step

if TYPE_CHECKING:
    from archloom.io.importing.nodes import NodeWriter

Handler = Callable[["NodeWriter", Step], int | None]
"""Adds a node of the vocabulary, or returns None where it cannot say what the step does."""


# --- windows -------------------------------------------------------------------------------------


def _padding(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[tuple[int, int]],
) -> Any:
    """Return explicit pads, "same" where they are what SAME means for the size."""
    same = [same_pads(*one) for one in zip(size, kernel, strides, dilations, strict=True)]
    if list(pads) == same:
        return "same"
    (top, bottom), (left, right) = pads
    return (top, left, bottom, right) if any((top, bottom, left, right)) else "valid"


def _conv(w: NodeWriter, step: Step) -> int | None:
    x, weight = step.inputs[0], w.r.tensor(step.inputs[1])
    bias = w.r.tensor(step.inputs[2]) if len(step.inputs) > 2 and step.inputs[2] else None
    if weight is None or weight.ndim != 4 or not _window_fits(w, x):
        return None
    if bias is None and len(step.inputs) > 2 and step.inputs[2]:
        return None
    groups = int(step.attributes.get("group", 1))  # type: ignore[arg-type]
    window = _window(w, step, weight.shape[2:])
    if window is None:
        return None
    w.keep_input("weight", step.inputs[1])
    if bias is not None:
        w.keep_input("bias", step.inputs[2])
    channels, before = weight.shape[0], w.r.value(x).shape[1]
    more = {**window, "bias": bias is not None}
    if 1 < groups == before == channels:
        return w.builder.depthwise(w.operand(x), **more)
    return w.builder.conv(w.operand(x), channels, groups=groups, **more)


def _window_fits(w: NodeWriter, name: str) -> bool:
    """Return whether a window of the vocabulary can read the value: 4-D, as a map."""
    return w.are_maps(name) and len(w.r.value(name).shape) == 4


def _window(w: NodeWriter, step: Step, kernel: Sequence[int]) -> dict[str, Any] | None:
    """Return kernel, stride, dilation and padding; None where pads are negative."""
    strides, dilations, pads = _geometry(w, step, kernel)
    if min(min(pair) for pair in pads) < 0:
        return None
    size = w.r.value(step.inputs[0]).shape[2:]
    return {
        "kernel": tuple(kernel),
        "stride": tuple(strides),
        "dilation": tuple(dilations),
        "padding": _padding(size, kernel, strides, dilations, pads),
    }


def _geometry(
    w: NodeWriter, step: Step, kernel: Sequence[int]
) -> tuple[list[int], list[int], Pads]:
    """Return strides, dilations and (before, after) pads of a window."""
    definition = Definition(step.op_type, (), (), tuple(sorted(step.attributes.items())))
    return window_of(definition, w.r.value(step.inputs[0]).shape[2:], kernel)


def _pool(w: NodeWriter, step: Step) -> int | None:
    kernel = step.attributes["kernel_shape"]
    assert isinstance(kernel, tuple)
    if not _window_fits(w, step.inputs[0]) or len(kernel) != 2 or w.used_outputs(step) > 1:
        return None
    sizes = [int(size) for size in kernel]
    window = _window(w, step, sizes)
    if window is None or window.pop("dilation") != (1, 1):
        return None
    pads = window["padding"]
    if isinstance(pads, tuple) and any(pads[i] >= sizes[i % 2] for i in range(4)):
        return None
    counts = step.op_type == "AveragePool" and step.attributes.get("count_include_pad", 0)
    if counts and any(any(pair) for pair in _geometry(w, step, sizes)[2]):
        return None
    op = "maxpool" if step.op_type == "MaxPool" else "avgpool"
    return w.builder.pool(op, w.operand(step.inputs[0]), **window)


def _pad(w: NodeWriter, step: Step) -> int | None:
    x = step.inputs[0]
    pads, fill = w.r.tensor(step.inputs[1]), 0.0
    if len(step.inputs) > 2 and step.inputs[2]:
        found = w.r.number(step.inputs[2])
        fill = math.nan if found is None else found
    if pads is None or fill != 0.0 or step.attributes.get("mode", "constant") != "constant":
        return None
    if not _window_fits(w, x):
        return None
    axes = w.r.tensor(step.inputs[3]) if len(step.inputs) > 3 and step.inputs[3] else None
    if axes is None and len(step.inputs) > 3 and step.inputs[3]:
        return None
    where = [axis % 4 for axis in (range(4) if axes is None else axes.tolist())]
    widths = dict.fromkeys(range(8), 0)
    for position, axis in enumerate(where):
        widths[axis], widths[axis + 4] = (int(pads[position + i * len(where)]) for i in (0, 1))
    if any(widths[axis] for axis in (0, 1, 4, 5)):
        return None
    return w.builder.pad(w.operand(x), (widths[2], widths[3], widths[6], widths[7]))


def _global_mean(w: NodeWriter, step: Step) -> int | None:
    x = step.inputs[0]
    if not _window_fits(w, x):
        return None
    if step.op_type == "ReduceMean" and reduced_axes(w.r, step) != [2, 3]:
        return None
    return w.builder.unary("mean", w.operand(x))


# --- channels ------------------------------------------------------------------------------------


def _batch_norm(w: NodeWriter, step: Step) -> int | None:
    x, parts = step.inputs[0], [w.r.tensor(name) for name in step.inputs[1:]]
    if not w.are_maps(x) or w.used_outputs(step) > 1:
        return None
    if any(part is None for part in parts):
        return None
    scale, shift, mean, var = (part for part in parts if part is not None)
    epsilon = step.attributes.get("epsilon", 1e-5)
    assert isinstance(epsilon, int | float)
    wide = var.astype(np.float64)
    ratio = np.sqrt((wide + NORM_EPSILON) / (wide + epsilon))
    same = math.isclose(epsilon, NORM_EPSILON, rel_tol=1e-6)
    if same:
        w.keep_input("weight", step.inputs[1])
    else:
        w.count(step.inputs[1])
        w.keep("weight", scale * ratio.astype(scale.dtype))
    for part, name in zip(("bias", "mean", "var"), step.inputs[2:], strict=True):
        w.keep_input(part, name)
    return w.builder.unary("batchnorm", w.operand(x))


def _dense(w: NodeWriter, step: Step) -> int | None:
    x, weight = step.inputs[0], w.r.tensor(step.inputs[1])
    bias = w.r.tensor(step.inputs[2]) if len(step.inputs) > 2 and step.inputs[2] else None
    if weight is None or weight.ndim != 2 or bias is None or not w.are_maps(x):
        return None
    value = w.r.value(x)
    if step.attributes.get("transA", 0) or len(value.shape) != 2:
        return None
    alpha, beta = (step.attributes.get(key, 1.0) for key in ("alpha", "beta"))
    assert isinstance(alpha, int | float) and isinstance(beta, int | float)
    matrix = weight if step.attributes.get("transB", 0) else np.ascontiguousarray(weight.T)
    for name in step.inputs[1:]:
        w.count(name)
    origin = w.r.value(step.inputs[1]).origin if matrix is weight and alpha == 1 else ""
    w.keep("weight", matrix * alpha if alpha != 1 else matrix, origin)
    whole = np.broadcast_to(bias.reshape(-1), matrix.shape[:1])
    origin = w.r.value(step.inputs[2]).origin if bias.shape == whole.shape and beta == 1 else ""
    w.keep("bias", whole * beta if beta != 1 else whole, origin)
    return w.builder.matmul(w.operand(x), matrix.shape[0])


def _concat(w: NodeWriter, step: Step) -> int | None:
    if not w.are_maps(*step.inputs):
        return None
    rank = len(w.r.value(step.inputs[0]).shape)
    if int(step.attributes["axis"]) % rank != 1:  # type: ignore[arg-type]
        return None
    return w.builder.concat([w.operand(name) for name in step.inputs])


# --- elements ------------------------------------------------------------------------------------


def _unary(op: str) -> Handler:
    def handler(w: NodeWriter, step: Step) -> int | None:
        x = step.inputs[0]
        return w.builder.unary(op, w.operand(x)) if w.are_maps(x) else None

    return handler


def _swish(w: NodeWriter, step: Step) -> int | None:
    return _unary("swish")(w, step) if step.attributes.get("alpha", 1.0) == 1.0 else None


def _hard_sigmoid(w: NodeWriter, step: Step) -> int | None:
    return _unary("hardsigmoid")(w, step) if is_hard_sigmoid(step) else None


def _gelu(w: NodeWriter, step: Step) -> int | None:
    exact = step.attributes.get("approximate", "none") == "none"
    return _unary("gelu")(w, step) if exact else None


def _clip(w: NodeWriter, step: Step) -> int | None:
    op = {(0.0, 6.0): "relu6", (0.0, math.inf): "relu"}.get(clip_bounds(w.r, step))  # type: ignore[arg-type]
    return _unary(op)(w, step) if op is not None else None


def _sum(w: NodeWriter, step: Step) -> int | None:
    shapes = {w.r.value(name).shape for name in step.inputs}
    if len(shapes) != 1 or not w.are_maps(*step.inputs):
        return None
    return w.builder.add([w.operand(name) for name in step.inputs])


def _product(w: NodeWriter, step: Step) -> int | None:
    one, other = step.inputs
    for x, factor in ((one, other), (other, one)):
        if w.are_maps(x) and w.r.number(factor) == 0.0:
            return w.builder.unary("zero", w.operand(x))
    if not w.are_maps(one, other):
        return None
    shapes = [w.r.value(name).shape for name in step.inputs]
    alike = len({len(shape) for shape in shapes}) == 1 and len({shape[1] for shape in shapes}) == 1
    space = {shape[2:] for shape in shapes} - {(1, 1)}
    if not alike or len(space) > 1:
        return None
    return w.builder.mul([w.operand(one), w.operand(other)])


def _reshape(w: NodeWriter, step: Step) -> int | None:
    """A map of one pixel is the same node with and without H and W."""
    x = step.inputs[0]
    return w.operand(x) if is_pixel(w.r, step) and w.are_maps(x) else None


HANDLERS: dict[str, Handler] = {
    "Conv": _conv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_mean,
    "ReduceMean": _global_mean,
    "Pad": _pad,
    "BatchNormalization": _batch_norm,
    "Gemm": _dense,
    "Concat": _concat,
    "Add": _sum,
    "Sum": _sum,
    "Mul": _product,
    "Relu": _unary("relu"),
    "Sigmoid": _unary("sigmoid"),
    "Tanh": _unary("tanh"),
    "HardSwish": _unary("hardswish"),
    "Swish": _swish,
    "HardSigmoid": _hard_sigmoid,
    "Gelu": _gelu,
    "Clip": _clip,
    "Reshape": _reshape,
}
