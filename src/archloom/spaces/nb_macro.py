"""NAS-Bench-Macro: eight layers in three stages, each one of three kinds; 3^8 = 6,561 networks.

An architecture is eight digits: 0 identity, 1 inverted bottleneck of expansion 3 and kernel 3, 2 of
expansion 6 and kernel 5. The first layer of a stage has stride 2 and doubles the channels; an
identity becomes a 1x1 convolution there. Later identities of a stage may stand anywhere in it, so
the codes are 3,969 different networks; ``canonical`` moves them to the end as the benchmark does.

Variants ``benchmark`` and ``upstream`` are the same network.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.spaces.common import (
    Skeleton,
    Variant,
    classifier,
    conv_bn,
    graph_name,
    inverted_bottleneck,
    relu,
    shuffled,
)
from archloom.spaces.common import take as take_first

FAMILY = "nb_macro"
LAYERS_PER_STAGE = (2, 3, 3)
BOTTLENECKS = {"1": (3, 3), "2": (6, 5)}
"""Expansion and kernel of the layers that are no identity."""

FULL = Skeleton("full", (32, 32, 3), widths=(64, 128, 256), stem=32, head=1280)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(8, 16, 32), stem=4, head=160)


def parse(architecture: str) -> tuple[str, ...]:
    """Return the digits of each stage; raises ``GraphError`` for anything but eight of 0, 1, 2."""
    if len(architecture) != sum(LAYERS_PER_STAGE) or set(architecture) - {"0", *BOTTLENECKS}:
        raise GraphError(
            f"{architecture!r} is not an NAS-Bench-Macro network: write eight digits of 0 "
            "(identity), 1 (expansion 3, kernel 3) and 2 (expansion 6, kernel 5)."
        )
    stages, start = [], 0
    for layers in LAYERS_PER_STAGE:
        stages.append(architecture[start : start + layers])
        start += layers
    return tuple(stages)


def canonical(architecture: str) -> str:
    """Return the code of the same network whose removable identities end their stage."""
    return "".join(
        first + later.replace("0", "").ljust(len(later), "0")
        for first, later in ((stage[0], stage[1:]) for stage in parse(architecture))
    )


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of an architecture."""
    stages = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = conv_bn(b, b.input(*skeleton.shape), skeleton.stem, activation="relu", padding=1)
    for stage, width in zip(stages, skeleton.widths, strict=True):
        for position, layer in enumerate(stage):
            x = _layer(b, x, layer, width, 1 if position else 2)
    x = conv_bn(b, x, skeleton.head, 1, activation="relu", padding="valid")
    return classifier(b, x, skeleton.classes)


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks (at most all), the first k for any ``count``."""
    codes = list(enumerate_all())
    graphs = (build(codes[i], skeleton, variant) for i in shuffled(len(codes), seed))
    return take_first(graphs, count)


def enumerate_all() -> Iterator[str]:
    """Yield the 3,969 canonical architectures in the order of their digits."""
    codes = ("".join(digits) for digits in product("012", repeat=sum(LAYERS_PER_STAGE)))
    return (code for code in codes if canonical(code) == code)


def _layer(b: GraphBuilder, x: int, layer: str, width: int, stride: int) -> int:
    if layer == "0":
        return x if stride == 1 else conv_bn(b, x, width, 1, stride, padding="valid")
    expansion, kernel = BOTTLENECKS[layer]
    hidden = b.shape(x)[2] * expansion
    return inverted_bottleneck(b, x, hidden, width, kernel, stride, relu)
