"""Subnets of the Once-for-All ResNet-50 (GENNAPE spec 2.6).

An architecture is ``65-80r|100:20,25|80:35,35,20|65:20,20,20,20|100:25,25``: first the stem, by the
width of its inside and of its output in percent, with ``r`` where its middle convolution is kept;
then per stage its width and the inner ratio of every block, both in percent. A stage has 2 to 4
bottlenecks, the third one 4 to 6. ``from_lists`` reads the supernet's own settings.

Variants ``benchmark`` and ``upstream`` are the same network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, distinct
from archloom.spaces.common import (
    Skeleton,
    Variant,
    classifier,
    conv_bn,
    graph_name,
    make_divisible,
    need_permitted,
)
from archloom.spaces.common import take as take_first

FAMILY = "ofa_resnet"
WIDTHS = (65, 80, 100)
"""Widths of stem and stages, in percent of the skeleton's."""
RATIOS = (20, 25, 35)
"""Inner widths of bottlenecks, in percent of the block's output."""
BASE_DEPTHS = (2, 2, 4, 2)
MORE_BLOCKS = 2
STRIDES = (1, 2, 2, 2)

FULL = Skeleton(
    "full", (224, 224, 3), widths=(256, 512, 1024, 2048), stem=64, stem_stride=2, classes=1000
)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(128, 128, 128, 128), stem=64)


@dataclass(frozen=True)
class Settings:
    """A parsed architecture: the stem's two widths, whether its middle convolution is kept, and per
    stage the width and the ratios of its blocks; all in percent.
    """

    inner: int
    stem: int
    residual: bool
    stages: tuple[tuple[int, tuple[int, ...]], ...]

    def __str__(self) -> str:
        stem = f"{self.inner}-{self.stem}{'r' if self.residual else ''}"
        stages = [f"{width}:{','.join(map(str, ratios))}" for width, ratios in self.stages]
        return "|".join([stem, *stages])


def parse(architecture: str) -> Settings:
    """Return the settings; raises ``GraphError`` for a string outside the space."""
    stem, *rest = architecture.split("|")
    match = re.fullmatch(r"(\d+)-(\d+)(r?)", stem)
    found = [re.fullmatch(r"(\d+):(\d+(?:,\d+)*)", stage) for stage in rest]
    if match:
        stages = tuple(
            (int(one[1]), tuple(map(int, one[2].split(",")))) for one in found if one is not None
        )
        settings = Settings(int(match[1]), int(match[2]), bool(match[3]), stages)
        if str(settings) == architecture and _is_in_space(settings):
            return settings
    raise GraphError(
        f"{architecture!r} is not a network of {FAMILY}: write a stem as 65-80 or 65-80r and "
        f"{len(BASE_DEPTHS)} stages as 100:20,25 with {', '.join(map(str, BASE_DEPTHS))} to "
        f"{MORE_BLOCKS} more ratios; widths are {WIDTHS}, ratios {RATIOS} percent."
    )


def from_lists(depths: Sequence[int], ratios: Sequence[float], widths: Sequence[int]) -> str:
    """Return the architecture of the supernet's settings.

    depths   (5,) 0 or 2 for the stem, then 0 to 2 further blocks per stage
    ratios   (18,) inner widths of all possible blocks (4, 4, 6, 4), of which the first are active
    widths   (6,) indices into ``WIDTHS``: inside of the stem, stem, stages

    Raises ``GraphError`` where they describe no network of the space.
    """
    most = [base + MORE_BLOCKS for base in BASE_DEPTHS]
    if (len(depths), len(ratios), len(widths)) != (5, sum(most), 6):
        raise GraphError(
            f"{len(depths)} depths, {len(ratios)} ratios and {len(widths)} widths are no network "
            f"of {FAMILY}: give 5, {sum(most)} and 6."
        )
    need_permitted("depth of the stem", depths[:1], (0, MORE_BLOCKS))
    need_permitted("depth", depths[1:], range(MORE_BLOCKS + 1))
    need_permitted("index of a width", widths, range(len(WIDTHS)))
    starts = np.cumsum([0, *most]).tolist()
    for start, base, more in zip(starts, BASE_DEPTHS, depths[1:], strict=False):
        active = [_rounded(one) for one in ratios[start : start + base + int(more)]]
        need_permitted("ratio", active, [one / 100 for one in RATIOS])
    stages = [
        (
            WIDTHS[int(widths[number + 2])],
            tuple(round(100 * ratio) for ratio in ratios[start : start + base + int(more)]),
        )
        for number, (start, base, more) in enumerate(
            zip(starts, BASE_DEPTHS, depths[1:], strict=False)
        )
    ]
    architecture = str(
        Settings(
            WIDTHS[int(widths[0])], WIDTHS[int(widths[1])], depths[0] == MORE_BLOCKS, tuple(stages)
        )
    )
    parse(architecture)
    return architecture


def _rounded(ratio: object) -> object:
    """Return a ratio without the digits that single precision adds."""
    return round(float(ratio), 6) if isinstance(ratio, float | int | np.floating) else ratio


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of an architecture."""
    settings = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    inner = make_divisible(_percent(skeleton.stem, settings.inner) // 2)
    x = _conv_relu(b, b.input(*skeleton.shape), inner, 3, skeleton.stem_stride)
    if settings.residual:
        x = b.add([x, _conv_relu(b, x, inner, 3)])
    x = _conv_relu(b, x, _percent(skeleton.stem, settings.stem), 3)
    x = b.pool("maxpool", x, 3, 2, padding=1)
    for (width, ratios), base, stride in zip(
        settings.stages, skeleton.widths, STRIDES, strict=True
    ):
        for index, ratio in enumerate(ratios):
            x = _bottleneck(b, x, _percent(base, width), ratio, 1 if index else stride)
    return classifier(b, x, skeleton.classes)


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks, the first k for any ``count``."""
    return take_first(distinct(build(a, skeleton, variant) for a in architectures(seed)), count)


def architectures(seed: int) -> Iterator[str]:
    """Yield random architectures without end, every setting drawn uniformly."""
    rng = np.random.default_rng(seed)
    blocks = sum(BASE_DEPTHS) + MORE_BLOCKS * len(BASE_DEPTHS)
    while True:
        stem = MORE_BLOCKS * int(rng.integers(2))
        depths = [stem, *rng.integers(0, MORE_BLOCKS + 1, size=len(BASE_DEPTHS)).tolist()]
        ratios = [RATIOS[i] / 100 for i in rng.integers(0, len(RATIOS), size=blocks)]
        widths = rng.integers(0, len(WIDTHS), size=len(BASE_DEPTHS) + 2).tolist()
        yield from_lists(depths, ratios, widths)


def _is_in_space(settings: Settings) -> bool:
    widths = {settings.inner, settings.stem, *(width for width, _ in settings.stages)}
    return (
        widths <= set(WIDTHS)
        and len(settings.stages) == len(BASE_DEPTHS)
        and all(
            base <= len(ratios) <= base + MORE_BLOCKS and set(ratios) <= set(RATIOS)
            for (_, ratios), base in zip(settings.stages, BASE_DEPTHS, strict=True)
        )
    )


def _percent(channels: int, share: int) -> int:
    return make_divisible(channels * share / 100)


def _conv_relu(b: GraphBuilder, x: int, channels: int, kernel: int, stride: int = 1) -> int:
    return conv_bn(b, x, channels, kernel, stride, "relu", padding=kernel // 2)


def _bottleneck(b: GraphBuilder, x: int, width: int, ratio: int, stride: int) -> int:
    """Add 1x1, 3x3 and 1x1 convolutions with a residual, which is pooled and projected where the
    block strides or changes channels.
    """
    hidden = make_divisible(round(width * ratio / 100))
    y = _conv_relu(b, x, hidden, 1)
    y = _conv_relu(b, y, hidden, 3, stride)
    y = conv_bn(b, y, width, 1, padding="valid")
    if stride > 1 or b.shape(x)[2] != width:
        if stride > 1:
            x = b.pool("avgpool", x, stride, stride)
        x = conv_bn(b, x, width, 1, padding="valid")
    return b.unary("relu", b.add([y, x]))
