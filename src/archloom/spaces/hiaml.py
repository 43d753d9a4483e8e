"""HiAML (GENNAPE spec 2.7): four stages, each repeats one of 14 blocks; 14^4 = 38,416 networks.

An architecture is the four block names, ``z-a22-b23-l20``. A stage whose width differs from the one
before starts with a block of stride 2. Variant ``benchmark`` has ReLU6 behind the blocks' own
convolutions, as the reference's PyTorch networks; ``upstream`` has ReLU there, as its TensorFlow
graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.spaces.common import (
    Skeleton,
    Variant,
    classifier,
    conv_bn,
    graph_name,
    inception_s,
    need_known,
    shuffled,
)
from archloom.spaces.common import take as take_first

FAMILY = "hiaml"
STAGES = 4

FULL = Skeleton("full", (32, 32, 3), widths=(64, 128, 128, 256), stem=64, stem_stride=2, repeats=2)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(16, 32, 32, 64), stem=16)


@dataclass(frozen=True)
class _Block:
    """The primitives of one block with input ``x``, ``width`` output channels and ``stride``."""

    b: GraphBuilder
    x: int
    width: int
    stride: int
    activation: str

    def conv(
        self,
        size: int,
        node: int,
        stride: int = 1,
        *,
        activation: bool = True,
        width: int | None = None,
    ) -> int:
        """Convolution, batch norm, activation (c3, c1 of the spec; without activation c3n, c1n)."""
        return conv_bn(
            self.b, node, width or self.width, size, stride, self.activation if activation else ""
        )

    def plain(self, size: int, node: int, stride: int = 1) -> int:
        return self.conv(size, node, stride, activation=False)

    def inception(self, node: int, stride: int = 1) -> int:
        return inception_s(self.b, node, self.width, 3, stride)

    def projection(self) -> int:
        """The block input, through a 1x1 convolution of its own where the shape changes."""
        if self.stride == 1 and self.b.shape(self.x)[2] == self.width:
            return self.x
        return self.plain(1, self.x, self.stride)

    def add(self, first: int, second: int) -> int:
        return self.b.add([first, second])


def _z(s: _Block) -> int:
    a = s.conv(3, s.x, s.stride)
    return s.add(a, s.inception(a))


def _a22(s: _Block) -> int:
    a = s.conv(3, s.x, s.stride)
    return s.add(a, s.plain(1, s.conv(1, a)))


def _b23(s: _Block) -> int:
    return s.add(s.projection(), s.inception(s.inception(s.x, s.stride)))


def _j30(s: _Block) -> int:
    return s.add(s.projection(), s.inception(s.conv(3, s.x, s.stride)))


def _g30(s: _Block) -> int:
    projected = s.projection()
    a = s.inception(s.x, s.stride)
    return s.add(a, s.plain(1, s.inception(s.add(projected, a))))


def _r30(s: _Block) -> int:
    outer, projected = s.projection(), s.projection()
    a = s.inception(s.x, s.stride)
    inner, side = s.plain(1, s.add(projected, a)), s.inception(a)
    return s.add(s.add(outer, inner), side)


def _l20(s: _Block) -> int:
    return s.plain(1, s.conv(3, s.x, s.stride))


def _t20(s: _Block) -> int:
    return s.add(s.plain(1, s.x, s.stride), s.inception(s.x, s.stride))


def _t31(s: _Block) -> int:
    outer, projected = s.projection(), s.projection()
    a = s.conv(1, s.inception(s.x, s.stride))
    inner = s.inception(s.add(projected, a))
    return s.add(s.add(outer, a), inner)


def _src0(s: _Block) -> int:
    a = s.conv(1, s.x, s.stride)
    return s.add(a, s.plain(3, s.conv(3, a)))


def _src1(s: _Block) -> int:
    side = s.conv(1, s.x, s.stride)
    inner = s.conv(3, s.x, width=s.b.shape(s.x)[2])
    return s.add(side, s.plain(3, inner, s.stride))


def _src3(s: _Block) -> int:
    side = s.plain(1, s.x, s.stride)
    inner = s.conv(1, s.x, width=s.b.shape(s.x)[2])
    return s.add(side, s.plain(1, s.conv(3, inner, s.stride)))


def _src7(s: _Block) -> int:
    a = s.plain(1, s.x, s.stride)
    return s.add(a, s.inception(s.inception(a)))


def _src8(s: _Block) -> int:
    a = s.plain(1, s.x, s.stride)
    return s.add(a, s.plain(1, s.inception(a)))


_BLOCKS: dict[str, Callable[[_Block], int]] = {
    "z": _z,
    "a22": _a22,
    "b23": _b23,
    "j30": _j30,
    "g30": _g30,
    "r30": _r30,
    "l20": _l20,
    "t20": _t20,
    "t31": _t31,
    "src0": _src0,
    "src1": _src1,
    "src3": _src3,
    "src7": _src7,
    "src8": _src8,
}
BLOCKS = tuple(_BLOCKS)
"""Names of the blocks; the computation of each is in the table of the spec."""


def parse(architecture: str) -> tuple[str, ...]:
    """Return the four block names; raises ``GraphError`` where the string is damaged."""
    blocks = tuple(architecture.split("-"))
    need_known(blocks, BLOCKS, architecture)
    if len(blocks) != STAGES:
        raise GraphError(
            f"{architecture!r} names {len(blocks)} blocks: give {STAGES}, such as z-a22-b23-l20."
        )
    return blocks


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of four block names."""
    blocks = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    activation = "relu6" if variant == "benchmark" else "relu"
    x = conv_bn(b, b.input(*skeleton.shape), skeleton.stem, 3, skeleton.stem_stride, "relu")
    for name, width in zip(blocks, skeleton.widths, strict=True):
        for _ in range(skeleton.repeats):
            stride = 1 if b.shape(x)[2] == width else 2
            x = b.unary("relu", _BLOCKS[name](_Block(b, x, width, stride, activation)))
    return classifier(b, x, skeleton.classes)


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks (at most all), the first k for any ``count``."""
    architectures = list(enumerate_all())
    graphs = (
        build(architectures[i], skeleton, variant) for i in shuffled(len(architectures), seed)
    )
    return take_first(graphs, count)


def enumerate_all() -> list[str]:
    """Return the 38,416 architectures."""
    return ["-".join(blocks) for blocks in product(BLOCKS, repeat=STAGES)]
