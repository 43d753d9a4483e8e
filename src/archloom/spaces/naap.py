"""NAAP-440 (Hakim, arXiv 2209.06626): 440 small convolutional networks of three or four layers.

An architecture lists kernel, width, stride and residual of the layers: ``k3w12s2r0,k3w16s2r0,...``.
A layer is a convolution, batch norm and ReLU; a residual adds the layer's input behind the ReLU,
and may stand where the layer keeps stride and width. The reduced skeleton has a quarter of the
widths.

Variants ``benchmark`` and ``upstream`` are the same network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.spaces.common import Skeleton, Variant, classifier, conv_bn, graph_name, shuffled
from archloom.spaces.common import take as take_first

FAMILY = "naap"
WIDTHS = (12, 16, 24, 32, 40)
"""Widths that architectures name; a skeleton's ``widths`` are those they stand for."""
MOST_STRIDED = 3

FULL = Skeleton("full", (32, 32, 3), widths=WIDTHS, stem=0)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(3, 4, 6, 8, 10), stem=0)


class Layer(NamedTuple):
    """One layer: kernel, width, stride, and whether its input is added."""

    k: int
    w: int
    s: int
    r: int

    def __str__(self) -> str:
        return f"k{self.k}w{self.w}s{self.s}r{self.r}"


CHOICES = (
    ((3,), (12, 16), (2,)),
    ((3,), (16, 24), (2,)),
    ((1, 3), (16, 24, 32), (1, 2)),
    ((1, 3), (32, 40), (1, 2)),
)
"""Kernels, widths and strides of each layer; the last layer may be missing."""


def parse(architecture: str) -> tuple[Layer, ...]:
    """Return the layers; raises ``GraphError`` outside the space."""
    if architecture not in _space():
        raise GraphError(
            f"{architecture!r} is not one of the {len(_space())} networks of NAAP-440: write 3 or "
            "4 layers as k3w12s2r0 (kernel, width, stride, residual) separated by commas. Layer 1: "
            "k3, w12 or w16, s2; layer 2: k3, w16 or w24, s2; layer 3: k1 or k3, w16, w24 or w32, "
            f"s1 or s2; layer 4: k1 or k3, w32 or w40, s1 or s2; at most {MOST_STRIDED} with s2; "
            "r1 only with s1 and the width of the layer before."
        )
    words = re.findall(r"k(\d+)w(\d+)s(\d)r(\d)", architecture)
    return tuple(Layer(*map(int, word)) for word in words)


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of an architecture."""
    layers = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = b.input(*skeleton.shape)
    for layer in layers:
        width = skeleton.widths[WIDTHS.index(layer.w)]
        y = conv_bn(b, x, width, layer.k, layer.s, "relu", padding=layer.k // 2)
        x = b.add([x, y]) if layer.r else y
    return classifier(b, x, skeleton.classes)


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks (at most all), the first k for any ``count``."""
    space = list(enumerate_all())
    graphs = (build(space[i], skeleton, variant) for i in shuffled(len(space), seed))
    return take_first(graphs, count)


def enumerate_all() -> Iterator[str]:
    """Yield the 440 architectures in the order of the benchmark, whose ids begin with 1."""
    return iter(_space())


@lru_cache(maxsize=1)
def _space() -> dict[str, None]:
    return {",".join(map(str, layers)): None for layers in _extended(())}


def _extended(layers: tuple[Layer, ...]) -> Iterator[tuple[Layer, ...]]:
    """Yield ``layers`` where they are a network, then all networks that begin with them."""
    if len(layers) >= len(CHOICES) - 1:
        yield layers
    if len(layers) == len(CHOICES):
        return
    for k, w, s in product(*CHOICES[len(layers)]):
        if sum(layer.s == 2 for layer in layers) + (s == 2) > MOST_STRIDED:
            continue
        keeps = s == 1 and layers[-1].w == w
        for r in (0, 1) if keeps else (0,):
            yield from _extended((*layers, Layer(k, w, s, r)))
