"""The MnasNet space of Accel-NASBench (Ahmad et al., DAC 2024): seven blocks of mobile layers.

An architecture names expansion (1, 4, 6), kernel (3, 5), layers (1 to 3, the sixth block also 4)
and squeeze-excite (0, 1) of every block: ``e1k3l1s0|e6k3l2s1|...``, about 10^11 networks. A block's
first layer has its stride and width; expansion, kernel and squeeze-excite hold for all its layers.
Squeeze-excite has a quarter of the channels that its layer takes, not of those that it scales.

Variants ``benchmark`` and ``upstream`` are the same network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, distinct
from archloom.spaces.common import (
    Skeleton,
    Variant,
    classifier,
    conv_bn,
    graph_name,
    inverted_bottleneck,
    relu,
    squeeze_excite,
)
from archloom.spaces.common import take as take_first

FAMILY = "mnasnet"
EXPANSIONS, KERNELS, EXCITED = (1, 4, 6), (3, 5), (0, 1)
LAYERS = ((1, 2, 3),) * 5 + ((1, 2, 3, 4), (1, 2, 3))
STRIDES = (1, 2, 2, 2, 1, 2, 1)

FULL = Skeleton(
    "full",
    (224, 224, 3),
    widths=(16, 24, 40, 80, 112, 192, 320),
    stem=32,
    stem_stride=2,
    head=1280,
    classes=1000,
)
REDUCED = Skeleton("reduced", (8, 8, 1), (8, 8, 8, 16, 16, 24, 32), stem=8, head=64)


class Block(NamedTuple):
    """Settings of one block: expansion, kernel, layers, squeeze-excite (0 or 1)."""

    e: int
    k: int
    layers: int
    se: int

    def __str__(self) -> str:
        return f"e{self.e}k{self.k}l{self.layers}s{self.se}"


def parse(architecture: str) -> tuple[Block, ...]:
    """Return the blocks; raises ``GraphError`` outside the space."""
    matches = [
        re.fullmatch(r"e([146])k([35])l([1-4])s([01])", word) for word in architecture.split("|")
    ]
    blocks = tuple(Block(*map(int, match.groups())) for match in matches if match)
    if len(blocks) != len(matches) or not _is_in_space(blocks):
        raise GraphError(
            f"{architecture!r} is not a network of the MnasNet space: write {len(LAYERS)} blocks "
            "separated by |, each as e6k3l2s1: expansion 1, 4 or 6, kernel 3 or 5, 1 to 3 layers "
            "(the sixth block 1 to 4), squeeze-excite 0 or 1."
        )
    return blocks


def from_lists(e: Sequence[int], k: Sequence[int], layers: Sequence[int], se: Sequence[int]) -> str:
    """Return the architecture of four lists, one number per block, as the published table has them.

    Raises ``GraphError`` where they are no network of the space.
    """
    lists = (e, k, layers, se)
    if any(len(one) != len(LAYERS) for one in lists):
        raise GraphError(
            f"lists of {', '.join(str(len(one)) for one in lists)} numbers are no network of the "
            f"MnasNet space: give {len(LAYERS)} of each."
        )
    rows = (map(int, row) for row in zip(*lists, strict=True))
    architecture = "|".join(str(Block(*row)) for row in rows)
    parse(architecture)
    return architecture


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of an architecture."""
    blocks = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = b.input(*skeleton.shape)
    x = conv_bn(b, x, skeleton.stem, 3, skeleton.stem_stride, "relu", padding=1)
    for block, width, stride in zip(blocks, skeleton.widths, STRIDES, strict=True):
        for number in range(block.layers):
            x = _layer(b, x, block, width, 1 if number else stride)
    x = conv_bn(b, x, skeleton.head, 1, activation="relu", padding="valid")
    return classifier(b, x, skeleton.classes)


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks, the first k for any ``count``."""
    return take_first(distinct(build(a, skeleton, variant) for a in architectures(seed)), count)


def architectures(seed: int) -> Iterator[str]:
    """Yield random architectures without end, every setting of every block drawn uniformly."""
    rng = np.random.default_rng(seed)
    while True:
        blocks = []
        for layers in LAYERS:
            settings = (EXPANSIONS, KERNELS, layers, EXCITED)
            blocks.append(Block(*(one[int(rng.integers(len(one)))] for one in settings)))
        yield "|".join(map(str, blocks))


def _is_in_space(blocks: Sequence[Block]) -> bool:
    return len(blocks) == len(LAYERS) and all(
        block.layers in layers for block, layers in zip(blocks, LAYERS, strict=True)
    )


def _layer(b: GraphBuilder, x: int, block: Block, width: int, stride: int) -> int:
    channels = b.shape(x)[2]
    excite = partial(squeeze_excite, squeezed=max(1, channels // 4)) if block.se else None
    hidden = block.e * channels
    return inverted_bottleneck(b, x, hidden, width, block.k, stride, relu, excite)
