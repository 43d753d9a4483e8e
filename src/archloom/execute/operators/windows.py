"""Operators that slide a window over the space of (N, C, D1, D2, ...) tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from archloom.execute.geometry import Pads, transposed_window_of, window_of
from archloom.execute.operators.table import Result, numbers, operator, pointwise
from archloom.execute.words import word
from archloom.graph.definition import Definition

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOLS = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVG_POOLS: dict[int, Callable[..., Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def padded(x: Tensor, pads: Pads, value: float = 0.0) -> Tensor:
    """Return ``x`` (N, C, ...) with (before, after) more elements along each axis behind C."""
    widths = [width for pair in reversed(pads) for width in pair]
    return F.pad(x, widths, value=value) if any(widths) else x


@operator("Conv", attributes="auto_pad dilations group pads strides", idle="kernel_shape")
def _conv(d: Definition, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Result:
    strides, dilations, pads = window_of(d, x.shape[2:], weight.shape[2:])
    convolve, groups = _CONVOLUTIONS[x.dim() - 2], d.attribute("group", 1)
    return convolve(padded(x, pads), weight, bias, strides, 0, dilations, groups)


@operator(
    "ConvTranspose",
    attributes="auto_pad dilations group output_padding output_shape pads strides",
    idle="kernel_shape",
)
def _conv_transpose(d: Definition, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Result:
    rank = x.dim() - 2
    strides, dilations, extra, pads = transposed_window_of(d, x.shape[2:], weight.shape[2:])
    cuts = [(-before, -after) for before, after in pads]
    convolve, groups = _TRANSPOSED[rank], d.attribute("group", 1)
    whole = convolve(x, weight, None, strides, 0, 0, groups, dilations)
    result = padded(padded(whole, [(0, more) for more in extra]), cuts)
    return result if bias is None else result + bias.reshape(-1, *[1] * rank)


@operator(
    "MaxPool",
    attributes="auto_pad ceil_mode dilations kernel_shape pads storage_order strides",
    unless=lambda d: d.attribute("storage_order", 0) == 1,
)
def _max_pool(d: Definition, x: Tensor) -> Result:
    kernel = d.attribute("kernel_shape")
    strides, dilations, pads = window_of(d, x.shape[2:], kernel)
    low = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    pool = _MAX_POOLS[len(kernel)]
    if len(d.outputs) < 2:
        return pool(padded(x, pads, low), kernel, strides, 0, dilations)
    best, places = pool(padded(x, pads, low), kernel, strides, 0, dilations, return_indices=True)
    return best, _flat_places(places, x.shape, pads)


def _flat_places(places: Tensor, shape: Sequence[int], pads: Pads) -> Tensor:
    """Return indices into one padded channel as indices into the whole tensor of ``shape``."""
    size, flat, factor = shape[2:], torch.zeros_like(places), 1
    for axis in reversed(range(len(size))):
        wide = size[axis] + sum(pads[axis])
        flat = flat + (places % wide - pads[axis][0]) * factor
        places, factor = places // wide, factor * size[axis]
    maps = torch.arange(shape[0] * shape[1], device=places.device)
    return flat + maps.reshape(shape[0], shape[1], *[1] * len(size)) * factor


@operator(
    "AveragePool",
    attributes="auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides",
    unless=lambda d: set(d.attribute("dilations", (1,))) != {1},
)
def _avg_pool(d: Definition, x: Tensor) -> Result:
    kernel = d.attribute("kernel_shape")
    strides, _, pads = window_of(d, x.shape[2:], kernel)
    pool = _AVG_POOLS[len(kernel)]
    mean = pool(padded(x, pads), kernel, strides)
    if not any(width for pair in pads for width in pair):
        return mean
    inside = torch.ones(1, 1, *x.shape[2:], dtype=x.dtype, device=x.device)
    if d.attribute("count_include_pad", 0):
        rank, given = len(kernel), d.attribute("pads", (0,) * (2 * len(kernel)))
        stated = [(given[axis], given[axis + rank]) for axis in range(rank)]
        stated = pads if d.attribute("auto_pad", "NOTSET") != "NOTSET" else stated
        inside = padded(inside, stated, 1.0)
        pads = [(0, b - s) for (_, b), (_, s) in zip(pads, stated, strict=True)]
    return mean / pool(padded(inside, pads), kernel, strides)


def _axes_of(d: Definition) -> int:
    """Return the number of axes of the image that a Col2Im makes."""
    slot = d.inputs[1]
    return 0 if slot is None else slot.type.size


@operator("LpPool", attributes="auto_pad ceil_mode dilations kernel_shape p pads strides")
def _lp_pool(d: Definition, x: Tensor) -> Result:
    kernel, power = d.attribute("kernel_shape"), d.attribute("p", 2)
    strides, dilations, pads = window_of(d, x.shape[2:], kernel)
    ones = x.new_ones(x.shape[1], 1, *kernel)
    powers = padded(x.abs() ** power, pads)
    total = _CONVOLUTIONS[len(kernel)](powers, ones, None, strides, 0, dilations, x.shape[1])
    return total ** (1 / power)


@operator("Col2Im", attributes="dilations pads strides", unless=lambda d: _axes_of(d) != 2)
def _col2im(d: Definition, x: Tensor, size: Tensor, block: Tensor) -> Result:
    image, kernel = numbers(d, 1, size), numbers(d, 2, block)
    strides = d.attribute("strides", (1, 1))
    dilations = d.attribute("dilations", (1, 1))
    pads = d.attribute("pads", (0, 0, 0, 0))
    whole = [image[axis] + pads[axis] + pads[axis + 2] for axis in (0, 1)]
    found = F.fold(x, tuple(whole), tuple(kernel), dilations, 0, strides)
    return found[:, :, pads[0] : pads[0] + image[0], pads[1] : pads[1] + image[1]]


def _space(x: Tensor) -> list[int]:
    return list(range(2, x.dim()))


pointwise(
    {
        "GlobalAveragePool": lambda x: x.mean(_space(x), keepdim=True),
        "GlobalMaxPool": lambda x: x.amax(_space(x), keepdim=True),
    }
)


@operator("GlobalLpPool", attributes="p")
def _global_lp_pool(d: Definition, x: Tensor) -> Result:
    return torch.linalg.vector_norm(x, d.attribute("p", 2), _space(x), keepdim=True)


@operator("GridSample", attributes="align_corners mode padding_mode")
def _grid_sample(d: Definition, x: Tensor, grid: Tensor) -> Result:
    mode = word(d, "mode", "linear", "nearest", "cubic")
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    padding = word(d, "padding_mode", "zeros", "border", "reflection")
    corners = bool(d.attribute("align_corners", 0))
    return F.grid_sample(x, grid, mode, padding, corners)
