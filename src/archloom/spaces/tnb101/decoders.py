"""Decoders of TransNAS-Bench-101: from an encoder's map to a map as large as the input.

Every layer but the last is a 3x3 convolution with bias, or a transposed one that doubles H and W,
with batch norm and LeakyReLU of slope 0.2. Widths are fractions of ``Skeleton.head``, 1,024 in the
benchmark. The decoders double as often as the encoder has halved, which has to be at least twice
for images; the number of parameters does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable

from archloom.errors import ConfigError
from archloom.graph import Graph, GraphBuilder
from archloom.graph.definition import Definition, Operand, TensorType, Weight
from archloom.spaces.common import Skeleton, map_type

SLOPE = 0.2
HALVINGS = 5
"""Halvings of the width in the segmentation decoder."""
MOST_DOUBLINGS = HALVINGS + 1


def segmentation(b: GraphBuilder, x: int, skeleton: Skeleton) -> Graph:
    """Add the decoder for class scores of every pixel, and finish the network."""
    doublings = _doublings(b, x, skeleton, least=1)
    x = _conv(b, x, skeleton.head)
    for number in range(HALVINGS):
        doubles = number >= MOST_DOUBLINGS - doublings
        x = (_doubled if doubles else _conv)(b, x, b.shape(x)[2] // 2)
    x = _doubled(b, x, b.shape(x)[2])
    return _finished(b, b.conv(x, skeleton.classes, 3, padding=1, bias=True))


def image(b: GraphBuilder, x: int, skeleton: Skeleton) -> Graph:
    """Add the generative decoder, for values between -1 and 1, and finish the network."""
    doublings = _doublings(b, x, skeleton, least=2)
    x = _conv(b, _conv(b, x, skeleton.head), skeleton.head)
    for least, first, second in ((6, 2, 2), (5, 4, 8), (4, 16, 16), (3, 32, 32)):
        x = (_doubled if doublings >= least else _conv)(b, x, skeleton.head // first)
        x = _conv(b, x, skeleton.head // second)
    x = _doubled(b, x, skeleton.head // 64)
    x = _doubled(b, _conv(b, x, skeleton.head // 32), skeleton.head // 64)
    return _finished(b, b.unary("tanh", b.conv(x, skeleton.classes, 3, padding=1, bias=True)))


DECODERS: dict[str, Callable[[GraphBuilder, int, Skeleton], Graph]] = {
    "segmentation": segmentation,
    "image": image,
}
"""The decoders by ``Skeleton.output``."""


def _finished(b: GraphBuilder, x: int) -> Graph:
    b.output(x)
    return b.build()


def _doublings(b: GraphBuilder, x: int, skeleton: Skeleton, least: int) -> int:
    """Return how often the map at ``x`` has to be doubled; ``ConfigError`` where no decoder can."""
    height, width, _ = b.shape(x)
    for number in range(least, MOST_DOUBLINGS + 1):
        if (height << number, width << number) == skeleton.shape[:2]:
            return number
    raise ConfigError(
        f"graph {b.name!r}: a map of {(height, width)} does not become {skeleton.shape[:2]} when "
        f"it is doubled {least} to {MOST_DOUBLINGS} times: choose an input size that is a multiple "
        f"of {2**MOST_DOUBLINGS}."
    )


def _conv(b: GraphBuilder, x: int, width: int) -> int:
    return _activated(b, b.conv(x, width, 3, padding=1, bias=True))


def _doubled(b: GraphBuilder, x: int, width: int) -> int:
    """Add a transposed convolution (output padding 1), batch norm and activation."""
    height, across, channels = b.shape(x)
    after = (2 * height, 2 * across, width)
    definition = Definition(
        "ConvTranspose",
        (
            Operand(map_type(b.shape(x))),
            Weight("weight", TensorType("float32", (channels, width, 3, 3))),
            Weight("bias", TensorType("float32", (width,))),
        ),
        (map_type(after),),
        (
            ("kernel_shape", (3, 3)),
            ("output_padding", (1, 1)),
            ("pads", (1, 1, 1, 1)),
            ("strides", (2, 2)),
        ),
    )
    y = b.fixed("conv_transpose", [x], definition, b.shape(x), after, kernel=(3, 3), bias=True)
    return _activated(b, y)


def _activated(b: GraphBuilder, x: int) -> int:
    y = b.unary("batchnorm", x)
    one = map_type(b.shape(y))
    leaky = Definition("LeakyRelu", (Operand(one),), (one,), (("alpha", SLOPE),))
    return b.fixed("elementwise", [y], leaky, b.shape(y), b.shape(y))
