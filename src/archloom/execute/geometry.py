"""Where windows of ONNX operators lie: strides, dilations and pads per axis."""

from __future__ import annotations

from collections.abc import Sequence

from archloom.execute.words import word
from archloom.graph.definition import Definition

LARGEST_SIZE = 1 << 20
"""Samples along an axis that a Resize may give; more are a damaged model."""

Pads = list[tuple[int, int]]
"""(before, after) per axis of the space."""

_AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def window_of(
    d: Definition, size: Sequence[int], kernel: Sequence[int]
) -> tuple[list[int], list[int], Pads]:
    """Return strides, dilations and (before, after) pads per axis over an input of ``size``; with
    ``ceil_mode`` the pads grow by what the last window needs.
    """
    rank = len(size)
    strides = list(d.attribute("strides", (1,) * rank))
    dilations = list(d.attribute("dilations", (1,) * rank))
    given = d.attribute("pads", (0,) * (2 * rank))
    auto = word(d, "auto_pad", *_AUTO_PADS)
    pads = []
    for axis in range(rank):
        extent = (kernel[axis] - 1) * dilations[axis] + 1
        before, after = given[axis], given[axis + rank]
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            steps = -(-size[axis] // strides[axis])
            total = max((steps - 1) * strides[axis] + extent - size[axis], 0)
            half = total // 2
            before, after = (half, total - half) if auto == "SAME_UPPER" else (total - half, half)
        elif auto == "VALID":
            before = after = 0
        elif d.attribute("ceil_mode", 0):
            rest = (size[axis] + before + after - extent) % strides[axis]
            grown = after + strides[axis] - rest if rest else after
            starts = size[axis] + before + grown - extent  # of the last window
            after = grown if starts < size[axis] + before else after
        pads.append((before, after))
    return strides, dilations, pads


def transposed_window_of(
    d: Definition, size: Sequence[int], kernel: Sequence[int]
) -> tuple[Sequence[int], Sequence[int], Sequence[int], Pads]:
    """Return strides, dilations, what is added behind and what is then cut off (before, after) per
    axis of a transposed convolution of maps of ``size``.
    """
    rank = len(size)
    strides = d.attribute("strides", (1,) * rank)
    dilations = d.attribute("dilations", (1,) * rank)
    extra = d.attribute("output_padding", (0,) * rank)
    given, shape = d.attribute("pads", (0,) * (2 * rank)), d.attribute("output_shape")
    auto, pads = word(d, "auto_pad", *_AUTO_PADS), []
    for axis in range(rank):
        extent = (kernel[axis] - 1) * dilations[axis] + 1
        full = (size[axis] - 1) * strides[axis] + extra[axis] + extent
        before, after = given[axis], given[axis + rank]
        if shape or auto in ("SAME_UPPER", "SAME_LOWER"):
            total = full - (shape[axis - rank] if shape else size[axis] * strides[axis])
            before = total - total // 2 if auto != "SAME_UPPER" else total // 2
            after = total - before
        elif auto == "VALID":
            before = after = 0
        pads.append((before, after))
    return strides, dilations, extra, pads
