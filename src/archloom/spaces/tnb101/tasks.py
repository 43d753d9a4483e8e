"""What the two spaces of TransNAS-Bench-101 share (Duan et al., CVPR 2021): tasks, stem, stages.

A network has a stem, stages and the head of its task. A stage is a digit and holds as many cells or
blocks as the skeleton repeats; its first one changes the map: channels double for 2 and 4, the
stride is 2 for 3 and 4. Batch norm and ReLU stand in front of no head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from archloom.graph import Graph, GraphBuilder
from archloom.spaces.common import Skeleton, classifier, conv_bn
from archloom.spaces.tiles import over_tiles
from archloom.spaces.tnb101.decoders import DECODERS

BASE = 64
"""Channels behind the stem that architecture strings begin with; no others were trained."""
STRIDED, DOUBLING = "34", "24"

FULL = Skeleton("full", (256, 256, 3), widths=(), stem=BASE, stem_stride=2, repeats=2, classes=47)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(), stem=8, classes=10)
_DENSE = replace(FULL, head=1024)

TASKS: dict[str, Skeleton] = {
    "class_scene": FULL,
    "class_object": replace(FULL, name="class_object", classes=75),
    "room_layout": replace(FULL, name="room_layout", classes=9),
    "segmentsemantic": replace(_DENSE, name="segmentsemantic", classes=17, output="segmentation"),
    "normal": replace(_DENSE, name="normal", classes=3, output="image"),
    "autoencoder": replace(_DENSE, name="autoencoder", classes=3, output="image"),
    "jigsaw": replace(FULL, name="jigsaw", shape=(64, 64, 27), classes=1000, output="tiles"),
}
"""The networks of the seven tasks. ``jigsaw`` takes its nine tiles as channels, 3 of each."""

TILES = 9

Cell = Callable[[GraphBuilder, int, int, int], int]
"""Adds a cell or block behind a node, to a number of channels and with a stride."""


def network(b: GraphBuilder, stages: str, skeleton: Skeleton, add_cell: Cell) -> Graph:
    """Return the network of these stages with the head of the skeleton's task."""
    x = b.input(*skeleton.shape)
    if skeleton.output == "tiles":
        inner = GraphBuilder(b.name)
        height, width, channels = skeleton.shape
        _encoder(inner, inner.input(height, width, channels // TILES), stages, skeleton, add_cell)
        x = over_tiles(b, x, inner.build(), TILES)
    else:
        x = _encoder(b, x, stages, skeleton, add_cell)
    if skeleton.output in DECODERS:
        return DECODERS[skeleton.output](b, x, skeleton)
    return classifier(b, x, skeleton.classes)


def _encoder(b: GraphBuilder, x: int, stages: str, skeleton: Skeleton, add_cell: Cell) -> int:
    """Add stem and stages; return the last node."""
    x = conv_bn(b, x, skeleton.stem // 2, 3, skeleton.stem_stride, "relu", padding=1)
    x = conv_bn(b, x, skeleton.stem, 3, skeleton.stem_stride, padding=1)
    for digit in stages:
        width = b.shape(x)[2] * (2 if digit in DOUBLING else 1)
        x = add_cell(b, x, width, 2 if digit in STRIDED else 1)
        for _ in range(skeleton.repeats - 1):
            x = add_cell(b, x, width, 1)
    return x


def relu_conv(b: GraphBuilder, x: int, width: int, size: int, stride: int = 1) -> int:
    """Add ReLU, a convolution and batch norm."""
    return conv_bn(b, b.unary("relu", x), width, size, stride, padding=size // 2)
