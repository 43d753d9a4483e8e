"""Resize: every axis is sampled by itself, so all modes and coordinate rules are one function."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from archloom.errors import GraphError
from archloom.execute.geometry import LARGEST_SIZE
from archloom.execute.operators.table import Result, is_given, numbers, operator
from archloom.execute.words import word
from archloom.graph.definition import Definition

_RULES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")


def _is_unusual(d: Definition) -> bool:
    crops = d.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    return crops or bool(d.attribute("antialias", 0))


@operator(
    "Resize",
    attributes="antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside "
    "keep_aspect_ratio_policy mode nearest_mode",
    idle="extrapolation_value",
    unless=_is_unusual,
)
def _resize(
    d: Definition,
    x: Tensor,
    region: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Result:
    rule = word(d, "coordinate_transformation_mode", *_RULES)
    axes = [axis % x.dim() for axis in d.attribute("axes", tuple(range(x.dim())))]
    for axis, (scale, size) in zip(axes, _targets(d, x, axes, scales, sizes), strict=True):
        if size != x.shape[axis] or scale != 1.0:
            x = _sampled(d, x, axis, scale, size, rule)
    return x


def _targets(
    d: Definition, x: Tensor, axes: list[int], scales: Tensor | None, sizes: Tensor | None
) -> list[tuple[float, int]]:
    """Return scale and new size of each axis."""
    before = [x.shape[axis] for axis in axes]
    if not (is_given(d, 3) and numbers(d, 3, sizes)):
        factors = numbers(d, 2, scales)
        return [(f, math.floor(n * f)) for n, f in zip(before, factors, strict=True)]
    after = numbers(d, 3, sizes)
    policy = word(d, "keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller")
    factors = [size / n for n, size in zip(before, after, strict=True)]
    if policy != "stretch":
        factor = (min if policy == "not_larger" else max)(factors)
        return [(factor, math.floor(n * factor + 0.5)) for n in before]
    return list(zip(factors, after, strict=True))


def _sampled(d: Definition, x: Tensor, axis: int, scale: float, size: int, rule: str) -> Tensor:
    """Return ``x`` with ``size`` samples along ``axis``."""
    if not 0 < size <= LARGEST_SIZE:
        raise GraphError(f"a Resize of {x.shape[axis]} to {size:,}: the model is damaged.")
    length = x.shape[axis]
    places = _places(length, size, scale, rule)
    mode = word(d, "mode", "nearest", "linear", "cubic")
    if mode == "nearest":
        rounding = _ROUNDINGS[word(d, "nearest_mode", *_ROUNDINGS)]
        index = [min(max(rounding(place), 0), length - 1) for place in places]
        return x.index_select(axis, torch.tensor(index, device=x.device))
    taps = 2 if mode == "linear" else 4
    total = None
    weights = [_weights(place, taps, length, d) for place in places]
    for tap in range(taps):
        first = [math.floor(place) - taps // 2 + 1 + tap for place in places]
        index = [min(max(place, 0), length - 1) for place in first]
        factor = torch.tensor([one[tap] for one in weights], dtype=x.dtype, device=x.device)
        shape = [-1 if other == axis else 1 for other in range(x.dim())]
        part = x.index_select(axis, torch.tensor(index, device=x.device)) * factor.reshape(shape)
        total = part if total is None else total + part
    assert total is not None
    return total


def _places(length: int, size: int, scale: float, rule: str) -> list[float]:
    """Return where each new element lies among the ``length`` old ones, in single precision as
    runtimes compute it: at ties the rounding decides.
    """
    new, factor, half = np.arange(size, dtype=np.float32), np.float32(scale), np.float32(0.5)
    if rule == "align_corners":
        places = new * np.float32(length - 1) / np.float32(max(size - 1, 1))
    elif rule == "asymmetric":
        places = new / factor
    elif rule == "pytorch_half_pixel" and size == 1:
        places = new
    else:
        shift = np.float32(0.0)
        if rule == "half_pixel_symmetric":
            shift = np.float32(length / 2 * (1 - size / (scale * length)))
        places = shift + (new + half) / factor - half
    found: list[float] = places.tolist()
    return found


_ROUNDINGS = {
    "round_prefer_floor": lambda place: math.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: math.floor(place + 0.5),
    "floor": math.floor,
    "ceil": math.ceil,
}


def _weights(place: float, taps: int, length: int, d: Definition) -> list[float]:
    """Return the weights of the old elements around ``place``."""
    rest = place - math.floor(place)
    if taps == 2:
        return [1 - rest, rest]
    a = d.attribute("cubic_coeff_a", -0.75)
    weights = [
        _cubic(a, rest + 1),
        _cubic(a, rest),
        _cubic(a, 1 - rest),
        _cubic(a, 2 - rest),
    ]
    if d.attribute("exclude_outside", 0):
        first = math.floor(place) - 1
        weights = [w if 0 <= first + i < length else 0.0 for i, w in enumerate(weights)]
        weights = [w / sum(weights) for w in weights]
    return weights


def _cubic(a: float, t: float) -> float:
    """Return Keys' cubic kernel at the distance ``t``."""
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
