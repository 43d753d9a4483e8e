"""Types of operators on the space of (N, C, D1, D2, ...) tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from archloom.execute.geometry import LARGEST_SIZE, Pads, transposed_window_of, window_of
from archloom.execute.types.table import Types, axes_of, floats, form, numbers
from archloom.graph.definition import Definition
from archloom.graph.definition import TensorType as Type


def _window(
    d: Definition, x: Type, kernel: Sequence[int], *, dilated: bool = True
) -> tuple[int, ...] | None:
    """Return the space that a window gives, None for one that is not ordinary."""
    size = x.shape[2:]
    if len(kernel) != len(size) or min(kernel) < 1 or not _is_plain(d, len(size)):
        return None
    strides, dilations, pads = window_of(d, size, kernel)
    if min(min(pair) for pair in pads) < 0:
        return None
    if not dilated and set(dilations) != {1}:
        return None
    return _steps(size, kernel, strides, dilations, pads)


def _is_plain(d: Definition, rank: int) -> bool:
    """Return whether a window has 1 to 3 axes, its attributes a number for each, and it moves."""
    lengths = {"strides": rank, "dilations": rank, "output_padding": rank, "pads": 2 * rank}
    fits = all(len(d.attribute(key, (1,) * n)) == n for key, n in lengths.items())
    moves = min(*d.attribute("strides", (1, 1)), *d.attribute("dilations", (1, 1))) > 0
    return 1 <= rank <= 3 and fits and moves


def _steps(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Pads,
) -> tuple[int, ...] | None:
    """Return the number of places of a window per axis, None where it does not fit."""
    found = tuple(
        (n + sum(pair) - (k - 1) * dilation - 1) // stride + 1
        for n, k, stride, dilation, pair in zip(size, kernel, strides, dilations, pads, strict=True)
    )
    return found if min(found) > 0 else None


_MOVES = "auto_pad dilations kernel_shape pads strides "


@form("Conv", least=2, most=3, attributes=_MOVES + "group")
def _conv(d: Definition, x: Type, weight: Type, bias: Type | None = None) -> Types:
    if not floats(x, weight, bias) or len(x.shape) < 3 or len(weight.shape) != len(x.shape):
        return None
    maps, groups = weight.shape[0], d.attribute("group", 1)
    if groups < 1 or maps % groups or x.shape[1] != weight.shape[1] * groups:
        return None
    space = _window(d, x, weight.shape[2:])
    if space is None or (bias is not None and bias.shape != (maps,)):
        return None
    return (Type(x.dtype, (x.shape[0], maps, *space)),)


@form(
    "ConvTranspose",
    least=2,
    most=3,
    attributes=_MOVES + "group output_padding output_shape",
)
def _conv_transpose(d: Definition, x: Type, weight: Type, bias: Type | None = None) -> Types:
    if not floats(x, weight, bias) or len(x.shape) < 3 or len(weight.shape) != len(x.shape):
        return None
    kernel, groups = weight.shape[2:], d.attribute("group", 1)
    if not _is_plain(d, len(kernel)) or len(d.attribute("output_shape", kernel)) < len(kernel):
        return None
    if groups < 1 or weight.shape[0] % groups or x.shape[1] != weight.shape[0]:
        return None
    strides, dilations, extra, pads = transposed_window_of(d, x.shape[2:], kernel)
    maps = weight.shape[1] * groups
    if min(extra) < 0 or (bias and bias.shape != (maps,)):
        return None
    whole = zip(x.shape[2:], kernel, strides, dilations, extra, pads, strict=True)
    space = [(n - 1) * s + (k - 1) * by + 1 + more - sum(cut) for n, k, s, by, more, cut in whole]
    return (Type(x.dtype, (x.shape[0], maps, *space)),) if min(space) > 0 else None


@form("MaxPool", attributes=_MOVES + "ceil_mode storage_order")
@form("AveragePool", attributes=_MOVES + "ceil_mode count_include_pad")
def _pool(d: Definition, x: Type) -> Types:
    if not floats(x) or len(x.shape) < 3 or d.attribute("storage_order", 0):
        return None
    mean = d.op_type == "AveragePool"
    space = _window(d, x, d.attribute("kernel_shape", ()), dilated=not mean)
    return None if space is None else (Type(x.dtype, (*x.shape[:2], *space)),)


@form("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(_: Definition, x: Type) -> Types:
    if not floats(x) or len(x.shape) < 3:
        return None
    return (Type(x.dtype, (*x.shape[:2], *[1] * (len(x.shape) - 2))),)


_RESIZES = {
    "coordinate_transformation_mode": (
        *("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel"),
        *("align_corners", "asymmetric"),
    ),
    "mode": ("nearest", "linear", "cubic"),
    "nearest_mode": ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    "keep_aspect_ratio_policy": ("stretch",),
    "antialias": (0,),
}
"""Ordinary values of attributes, the default first."""


@form(
    "Resize",
    most=4,
    attributes=" ".join(_RESIZES) + " axes cubic_coeff_a exclude_outside extrapolation_value",
)
def _resize(
    d: Definition,
    x: Type,
    _region: Type | None = None,
    _scales: Type | None = None,
    _sizes: Type | None = None,
) -> Types:
    axes = axes_of(d.attribute("axes", tuple(range(len(x.shape)))), len(x.shape))
    known = all(d.attribute(key, words[0]) in words for key, words in _RESIZES.items())
    scales, sizes = numbers(d, 2), numbers(d, 3)
    if not floats(x) or axes is None or not known or scales is None or sizes is None:
        return None
    if len(sizes or scales) != len(axes):
        return None
    shape = list(x.shape)
    for position, axis in enumerate(axes):
        size = sizes[position] if sizes else math.floor(shape[axis] * scales[position])
        if not 0 < size <= LARGEST_SIZE:
            return None
        shape[axis] = size
    return (Type(x.dtype, tuple(shape)),)
