"""Subnets of the mobile Once-for-All supernets (GENNAPE spec 2.4 and 2.5, AutoBuild spec 6).

Three families share one plan: stages of inverted bottlenecks whose number (2 to 4), kernel (3, 5,
7) and expansion (3, 4, 6) are searched. An architecture lists the blocks of every stage:
``e3k3,e6k5|e4k7,...``. The full skeletons take 224x224 images; ``Skeleton.resized`` gives another
resolution.

Variant ``benchmark`` has ``hardswish`` and ``hardsigmoid`` nodes. ``upstream`` has what the
reference's graphs keep of them: ReLU6, and for hard-swish the product of it and its operand,
without the constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

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
    make_divisible,
    need_permitted,
    squeeze_excite,
)
from archloom.spaces.common import take as take_first

KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
DEPTHS = (2, 3, 4)

Block = tuple[int, int]
"""Expansion and kernel."""

Stages = tuple[tuple[Block, ...], ...]


@dataclass(frozen=True)
class MobileStage:
    """What is fixed in a stage: stride of its first block, activation, squeeze-excite, depths."""

    stride: int
    activation: str
    excited: bool = False
    depths: tuple[int, ...] = DEPTHS


@dataclass(frozen=True)
class MobileSpace:
    """One family; ``FULL`` and ``REDUCED`` state the width of the first block, then of the stages.

    activation    of the stem and behind the stages
    first         of the first block, which has no expansion
    residual      whether the first block has a residual
    mixed         whether a 1x1 convolution follows the mean, 4/3 as wide as the head
    """

    FAMILY: str
    FULL: Skeleton
    REDUCED: Skeleton
    stages: tuple[MobileStage, ...]
    activation: str
    first: str
    residual: bool
    mixed: bool

    def parse(self, architecture: str) -> Stages:
        """Return the blocks of each stage; raises ``GraphError`` outside the space."""
        words = [stage.split(",") for stage in architecture.split("|")]
        matches = [[re.fullmatch(r"e([346])k([357])", block) for block in stage] for stage in words]
        stages = tuple(
            tuple((int(match[1]), int(match[2])) for match in stage if match) for stage in matches
        )
        allowed = [stage.depths for stage in self.stages]
        if len(stages) != len(allowed) or any(
            len(blocks) not in depths or len(blocks) != len(given)
            for blocks, given, depths in zip(stages, words, allowed, strict=True)
        ):
            raise GraphError(
                f"{architecture!r} is not a network of {self.FAMILY}: write {len(allowed)} stages "
                "separated by |, each with "
                f"{', '.join(' or '.join(map(str, depths)) for depths in allowed)} blocks such as "
                "e3k3,e6k5 (expansion 3, 4 or 6, kernel 3, 5 or 7)."
            )
        return stages

    def from_lists(
        self, depths: Sequence[int], kernels: Sequence[int], expansions: Sequence[int]
    ) -> str:
        """Return the architecture of flat lists, as the supernets' code and datasets have them.

        ``kernels`` and ``expansions`` name the blocks stage by stage, either the active ones only
        or all that a stage can have, of which the first are active. Raises ``GraphError`` where
        their lengths are neither.
        """
        most = [stage.depths[-1] for stage in self.stages]
        permitted = sorted({one for stage in self.stages for one in stage.depths})
        need_permitted("depth", depths, permitted)
        depths = list(map(int, depths))
        active = sum(depths)
        if len(depths) != len(most) or {len(kernels), len(expansions)} not in (
            {active},
            {sum(most)},
        ):
            raise GraphError(
                f"{len(depths)} depths, {len(kernels)} kernels and {len(expansions)} expansions "
                f"are no network of {self.FAMILY}: give {len(most)} depths and {active} or "
                f"{sum(most)} of the others."
            )
        taken = depths if len(kernels) == active else most
        starts = np.cumsum([0, *taken]).tolist()
        active_blocks = [
            range(start, start + depth) for start, depth in zip(starts, depths, strict=False)
        ]
        for blocks in active_blocks:
            need_permitted("expansion", [expansions[i] for i in blocks], EXPANSIONS)
            need_permitted("kernel", [kernels[i] for i in blocks], KERNELS)
        stages = [[(int(expansions[i]), int(kernels[i])) for i in one] for one in active_blocks]
        architecture = "|".join(",".join(f"e{e}k{k}" for e, k in stage) for stage in stages)
        self.parse(architecture)
        return architecture

    def build(
        self, architecture: str, skeleton: Skeleton | None = None, variant: Variant = "benchmark"
    ) -> Graph:
        """Return the network of an architecture, on the full skeleton where none is given."""
        skeleton = skeleton or self.FULL
        stages = self.parse(architecture)
        b = GraphBuilder(graph_name(architecture, skeleton, variant), self.FAMILY)
        first, *widths = skeleton.widths
        activate = partial(_activated, name=self.activation, variant=variant)
        x = b.input(*skeleton.shape)
        x = activate(b, conv_bn(b, x, skeleton.stem, 3, skeleton.stem_stride, padding=1))
        plain = partial(_activated, name=self.first, variant=variant)
        x = inverted_bottleneck(b, x, skeleton.stem, first, 3, 1, plain, residual=self.residual)
        for fixed, blocks, width in zip(self.stages, stages, widths, strict=True):
            inner = partial(_activated, name=fixed.activation, variant=variant)
            excite = partial(_excited, variant=variant) if fixed.excited else None
            for index, (expansion, kernel) in enumerate(blocks):
                hidden = make_divisible(b.shape(x)[2] * expansion)
                stride = 1 if index else fixed.stride
                x = inverted_bottleneck(b, x, hidden, width, kernel, stride, inner, excite)
        x = activate(b, conv_bn(b, x, skeleton.head, 1, padding="valid"))
        if self.mixed:
            mixed = b.conv(b.unary("mean", x), skeleton.head * 4 // 3, 1, padding="valid")
            b.output(b.matmul(activate(b, mixed), skeleton.classes))
            return b.build()
        return classifier(b, x, skeleton.classes)

    def sample(
        self,
        count: int,
        seed: int,
        skeleton: Skeleton | None = None,
        variant: Variant = "benchmark",
    ) -> list[Graph]:
        """Return ``count`` different random networks, the first k for any ``count``."""
        graphs = (self.build(a, skeleton, variant) for a in self.architectures(seed))
        return take_first(distinct(graphs), count)

    def architectures(self, seed: int) -> Iterator[str]:
        """Yield random architectures without end: depths, then kernels, then expansions, each drawn
        uniformly for the active blocks.
        """
        rng = np.random.default_rng(seed)
        free = [stage.depths for stage in self.stages if len(stage.depths) > 1]
        while True:
            drawn = rng.integers(0, len(DEPTHS), size=len(free))
            depths = [DEPTHS[i] for i in drawn]
            depths += [stage.depths[0] for stage in self.stages[len(free) :]]
            kernels, expansions = (
                [choices[i] for i in rng.integers(0, len(choices), size=sum(depths))]
                for choices in (KERNELS, EXPANSIONS)
            )
            yield self.from_lists(depths, kernels, expansions)


def _activated(b: GraphBuilder, x: int, name: str, variant: Variant) -> int:
    if name == "hardswish" and variant == "upstream":
        return b.mul([x, b.unary("relu6", x)])
    return b.unary(name, x)


def _excited(b: GraphBuilder, x: int, variant: Variant) -> int:
    gate = "relu6" if variant == "upstream" else "hardsigmoid"
    return squeeze_excite(b, x, make_divisible(b.shape(x)[2] // 4), gate)


_MBV3_STAGES = (
    MobileStage(2, "relu"),
    MobileStage(2, "relu", excited=True),
    MobileStage(2, "hardswish"),
    MobileStage(1, "hardswish", excited=True),
    MobileStage(2, "hardswish", excited=True),
)
_PN_STAGES = (
    MobileStage(2, "relu6"),
    MobileStage(2, "relu6"),
    MobileStage(2, "relu6"),
    MobileStage(1, "relu6"),
    MobileStage(2, "relu6"),
    MobileStage(1, "relu6", depths=(1,)),
)


def _full(multiplier: float, stem: int, widths: Sequence[int], head: int) -> Skeleton:
    """Return the skeleton of the published base widths, times ``multiplier``."""
    wide = [make_divisible(channels * multiplier) for channels in (stem, head, *widths)]
    return Skeleton(
        "full", (224, 224, 3), tuple(wide[2:]), wide[0], stem_stride=2, head=wide[1], classes=1000
    )


def _mobilenet_v3(family: str, multiplier: float) -> MobileSpace:
    return MobileSpace(
        FAMILY=family,
        FULL=_full(multiplier, 16, (16, 24, 40, 80, 112, 160), 960),
        REDUCED=Skeleton("reduced", (8, 8, 1), (8, 8, 8, 16, 16, 24), stem=8, head=48),
        stages=_MBV3_STAGES,
        activation="hardswish",
        first="relu",
        residual=True,
        mixed=True,
    )


OFA_MBV3 = _mobilenet_v3("ofa_mbv3", 1.2)
"""MobileNetV3 of width 1.2."""

OFA_MBV3_W10 = _mobilenet_v3("ofa_mbv3_w10", 1.0)
"""MobileNetV3 of width 1.0."""

OFA_PN = MobileSpace(
    FAMILY="ofa_pn",
    FULL=_full(1.3, 32, (16, 24, 40, 80, 96, 192, 320), 1280),
    REDUCED=Skeleton("reduced", (8, 8, 1), (8, 8, 8, 16, 16, 24, 32), stem=8, head=64),
    stages=_PN_STAGES,
    activation="relu6",
    first="relu6",
    residual=False,
    mixed=False,
)
"""ProxylessNAS of width 1.3."""
