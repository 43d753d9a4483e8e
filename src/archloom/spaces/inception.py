"""Inception (GENNAPE spec 2.8): four stages of blocks, every block one to four parallel paths.

An architecture reads ``6*depthwise5x5:16:16|depthwise5x5+conv5x5:16:16;2*conv5x5+double1x1:128:64;
...`` (one line): stages are separated by ``;`` and say how many blocks they have; paths by ``|``,
operations by ``+``. Behind its operations a path states its inner width and its output width in
channels of the full skeleton; other skeletons scale them.

The first block of a stage takes the stride and the change of channels. In a path the first
operation that can change channels leads to the inner width and the last one to the output width;
the first conv operation strides. Paths are concatenated, and brought to the stage's width by a 1x1
convolution where their widths do not add up to it; a block that keeps its shape has a residual.

Variant ``benchmark`` has ReLU6 on both branches of inception_p, as the reference's PyTorch
networks; ``upstream`` has it behind their concatenation only and keeps the identity node of
dropout, as its TensorFlow graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, distinct, parameters
from archloom.spaces.common import (
    Skeleton,
    Variant,
    choice,
    classifier,
    conv_bn,
    graph_name,
    mixed_operations,
    need_known,
)
from archloom.spaces.common import take as take_first

FAMILY = "inception"
CONV_OPERATIONS = (
    "conv3x3",
    "inception_s3x3",
    "inception_p3x3",
    "depthwise3x3",
    "conv5x5",
    "depthwise5x5",
    "inception_s5x5",
    "inception_p5x5",
)
SUPPLEMENTARY_OPERATIONS = ("conv1x1", "avgpool3x3", "maxpool3x3", "double1x1")
OPERATIONS = CONV_OPERATIONS + SUPPLEMENTARY_OPERATIONS
KEEP_CHANNELS = ("avgpool3x3", "maxpool3x3")

STAGES = 4
BLOCKS_PER_STAGE = (2, 6)
MAX_OPERATIONS = {1: 3, 2: 4, 3: 8, 4: 10}
"""Operations of a block at most, by its number of paths (sampler only)."""
MIN_OPERATIONS = {1: 1, 2: 1, 3: 2, 4: 2}
"""Operations of a path at least, by the number of paths (sampler only)."""
MIN_CHANNELS = 16
INNER_WIDTHS = ((0.5, 0.3), (1.0, 0.6), (2.0, 0.1))
"""Inner width of a path over its output width, with the probability of each."""
MAX_PARAMETERS = 20_000_000
"""Larger networks are not sampled; a few reach 69 million otherwise."""

FULL = Skeleton("full", (32, 32, 3), widths=(32, 64, 128, 256), stem=32, head=512)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(8, 16, 32, 64), stem=8, head=64)


@dataclass(frozen=True)
class Path:
    """One path of a block: its operations, the width between them, and that of its output."""

    operations: tuple[str, ...]
    inner: int
    width: int

    def __str__(self) -> str:
        return f"{'+'.join(self.operations)}:{self.inner}:{self.width}"


@dataclass(frozen=True)
class Stage:
    """So many equal blocks of parallel paths."""

    blocks: int
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.blocks}*{'|'.join(map(str, self.paths))}"


def parse(architecture: str) -> tuple[Stage, ...]:
    """Return the stages; raises ``GraphError`` for a string outside the space."""
    try:
        stages = tuple(_parse_stage(text) for text in architecture.split(";"))
    except ValueError:
        stages = ()
    for stage in stages:
        for path in stage.paths:
            need_known(path.operations, OPERATIONS, architecture)
            if not set(path.operations) & set(CONV_OPERATIONS):
                raise GraphError(
                    f"architecture {architecture!r}: path {path} needs one of "
                    f"{', '.join(CONV_OPERATIONS)}."
                )
    if len(stages) != STAGES or format_stages(stages) != architecture:
        raise GraphError(
            f"{architecture!r} is not an Inception network: write {STAGES} stages separated by ;, "
            "each as 2*conv3x3:16:16|conv5x5+conv1x1:16:32 (blocks, and per path its operations, "
            "inner and output width)."
        )
    return stages


def format_stages(stages: Sequence[Stage]) -> str:
    """Return the architecture string of stages."""
    return ";".join(map(str, stages))


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of an architecture string."""
    stages = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = conv_bn(b, b.input(*skeleton.shape), skeleton.stem, activation="relu6", bias=True)
    for number, (stage, width) in enumerate(zip(stages, skeleton.widths, strict=True)):
        scale = width / FULL.widths[number]
        paths = [
            Path(path.operations, _scaled(path.inner, scale), _scaled(path.width, scale))
            for path in stage.paths
        ]
        left = stage.blocks
        if number:
            x, left = _block(b, x, paths, width, 2, variant), left - 1
        if left:
            source, start = x, len(b)
            _block(b, x, paths, width, 1, variant)
            x = b.repeat(start, source, left - 1)
    x = conv_bn(b, x, skeleton.head, activation="relu6", bias=True)
    return classifier(b, x, skeleton.classes, dropout=variant == "upstream")


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks, the first k for any ``count``."""
    return take_first(distinct(build(a, skeleton, variant) for a in architectures(seed)), count)


def architectures(seed: int) -> Iterator[str]:
    """Yield random architectures without end, in the distribution of the reference's sampler but
    for those with more than ``MAX_PARAMETERS`` parameters.
    """
    rng = np.random.default_rng(seed)
    while True:
        architecture = format_stages([_sample_stage(rng, width) for width in FULL.widths])
        if parameters(build(architecture)) <= MAX_PARAMETERS:
            yield architecture


def _parse_stage(text: str) -> Stage:
    blocks, _, paths = text.partition("*")
    if int(blocks) < 1:
        raise ValueError(text)
    return Stage(int(blocks), tuple(_parse_path(path) for path in paths.split("|")))


def _parse_path(text: str) -> Path:
    operations, inner, width = text.split(":")
    if int(inner) < 1 or int(width) < 1:
        raise ValueError(text)
    return Path(tuple(operations.split("+")), int(inner), int(width))


def _scaled(channels: int, scale: float) -> int:
    return max(2, round(channels * scale))


def _sample_stage(rng: np.random.Generator, width: int) -> Stage:
    low, high = BLOCKS_PER_STAGE
    blocks = int(rng.integers(low, high + 1))
    number = int(rng.integers(1, len(MAX_OPERATIONS) + 1))
    share = width // 4 if number == 3 else width // number
    widths = [2 * share, share, width - 3 * share] if number == 3 else [share] * number
    widths[-1] += width - sum(widths)
    fewest, used, paths = MIN_OPERATIONS[number], 0, []
    for index, position in enumerate(rng.permutation(number).tolist()):
        most = MAX_OPERATIONS[number] - used - fewest * (number - index - 1)
        count = int(rng.integers(fewest, most + 1))
        used += count
        paths.append(_sample_path(rng, count, max(widths[position], MIN_CHANNELS)))
    return Stage(blocks, tuple(paths))


def _sample_path(rng: np.random.Generator, count: int, width: int) -> Path:
    operations = mixed_operations(
        rng,
        choice(rng, CONV_OPERATIONS),
        count - 1,
        CONV_OPERATIONS,
        SUPPLEMENTARY_OPERATIONS,
    )
    inner = width
    if sum(operation not in KEEP_CHANNELS for operation in operations) > 1:
        factors, probabilities = zip(*INNER_WIDTHS, strict=True)
        inner = max(int(width * rng.choice(factors, p=probabilities)), MIN_CHANNELS)
    return Path(operations, inner, width)


def _block(
    b: GraphBuilder, x: int, paths: Sequence[Path], width: int, stride: int, variant: Variant
) -> int:
    ends = [_path(b, x, path, stride, variant) for path in paths]
    y = b.concat(ends) if len(ends) > 1 else ends[0]
    if b.shape(y)[2] != width:
        y = conv_bn(b, y, width, 1, bias=True)
    return b.add([x, y]) if b.shape(y) == b.shape(x) else y


def _path(b: GraphBuilder, x: int, path: Path, stride: int, variant: Variant) -> int:
    capable = [i for i, op in enumerate(path.operations) if op not in KEEP_CHANNELS]
    striding = next(i for i, op in enumerate(path.operations) if op in CONV_OPERATIONS)
    for i, operation in enumerate(path.operations):
        width = b.shape(x)[2]
        if i == capable[-1]:
            width = path.width
        elif i == capable[0]:
            width = path.inner
        kind, size = operation[:-3], int(operation[-1])
        x = _KINDS[kind](b, x, width, size, stride if i == striding else 1, variant)
    return x


def _conv(b: GraphBuilder, x: int, width: int, size: int, stride: int, variant: Variant) -> int:
    return conv_bn(b, x, width, size, stride, "relu6", bias=True)


def _double(b: GraphBuilder, x: int, width: int, size: int, stride: int, variant: Variant) -> int:
    return _conv(b, _conv(b, x, width, size, stride, variant), width, size, 1, variant)


def _depthwise(
    b: GraphBuilder, x: int, width: int, size: int, stride: int, variant: Variant
) -> int:
    if width != b.shape(x)[2]:
        x = b.conv(x, width, 1)
    return b.unary("relu6", b.unary("batchnorm", b.depthwise(x, size, stride, bias=True)))


def _inception_s(
    b: GraphBuilder, x: int, width: int, size: int, stride: int, variant: Variant
) -> int:
    y = conv_bn(b, x, width, (1, size), (1, stride), "relu6", bias=True)
    return conv_bn(b, y, width, (size, 1), (stride, 1), "relu6", bias=True)


def _inception_p(
    b: GraphBuilder, x: int, width: int, size: int, stride: int, variant: Variant
) -> int:
    """Concatenate a row and a column convolution; where it strides, each has the other behind."""
    flat, upright = ((1, size), (1, stride)), ((size, 1), (stride, 1))
    ends = []
    for share, order in ((width // 2, (flat, upright)), (width - width // 2, (upright, flat))):
        y = x
        for kernel, strides in order if stride > 1 else order[:1]:
            y = conv_bn(b, y, share, kernel, strides, bias=True)
        ends.append(b.unary("relu6", y) if variant == "benchmark" else y)
    return b.unary("relu6", b.concat(ends))


def _pool(kind: str) -> Callable[[GraphBuilder, int, int, int, int, Variant], int]:
    def add(b: GraphBuilder, x: int, width: int, size: int, stride: int, variant: Variant) -> int:
        return b.unary("batchnorm", b.pool(kind, x, size, stride))

    return add


_KINDS: dict[str, Callable[[GraphBuilder, int, int, int, int, Variant], int]] = {
    "conv": _conv,
    "double": _double,
    "depthwise": _depthwise,
    "inception_s": _inception_s,
    "inception_p": _inception_p,
    "avgpool": _pool("avgpool"),
    "maxpool": _pool("maxpool"),
}
