"""Two-Path (GENNAPE spec 2.9): two independent paths of 2 to 4 blocks, concatenated.

An architecture reads ``conv5x5/2,conv5x5/2|double3x3+conv3x3,conv1x1+conv3x3/2,conv3x3/2``: paths
are separated by ``|``, blocks by ``,``, operations by ``+``; ``/2`` marks the two reduction blocks
of a path. A block's first conv operation takes stride and channel change; a block that changes
neither has an identity residual.

Variant ``benchmark`` has ReLU6 behind both convolutions of a bottleneck, as the reference's PyTorch
networks; ``upstream`` has none there and keeps the identity node of dropout, as its TensorFlow
graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, distinct
from archloom.spaces.common import (
    Skeleton,
    Variant,
    choice,
    classifier,
    conv_bn,
    graph_name,
    inception_s,
    mixed_operations,
    need_known,
)
from archloom.spaces.common import take as take_first

FAMILY = "two_path"
CONV_OPERATIONS = (
    "conv3x3",
    "double3x3",
    "conv5x5",
    "bottleneck-r2-k3",
    "bottleneck-r4-k3",
    "bottleneck-e2-k3",
    "inception_s3x3",
    "inception_s5x5",
)
SUPPLEMENTARY_OPERATIONS = (
    "conv1x1",
    "bottleneck-r2-k1",
    "bottleneck-e2-k1",
    "avgpool3x3",
    "maxpool3x3",
)
OPERATIONS = CONV_OPERATIONS + SUPPLEMENTARY_OPERATIONS
BLOCKS_PER_PATH = (2, 4)
OPERATIONS_PER_BLOCK = (1, 3)
REDUCTIONS = 2

FULL = Skeleton("full", (32, 32, 3), widths=(32, 64, 128), stem=32, stem_stride=2, head=512)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(8, 16, 32), stem=8, stem_stride=1, head=64)

Block = tuple[tuple[str, ...], bool]
"""The operations of a block, and whether it reduces."""


def parse(architecture: str) -> tuple[tuple[Block, ...], ...]:
    """Return the blocks of the two paths; raises ``GraphError`` for a string outside the space."""
    paths = tuple(
        tuple(
            (tuple(block.removesuffix("/2").split("+")), block.endswith("/2"))
            for block in path.split(",")
        )
        for path in architecture.split("|")
    )
    for path in paths:
        for operations, _ in path:
            need_known(operations, OPERATIONS, architecture)
            if not set(operations) & set(CONV_OPERATIONS):
                raise GraphError(
                    f"architecture {architecture!r}: block {'+'.join(operations)} needs one "
                    f"of {', '.join(CONV_OPERATIONS)}."
                )
        if sum(reduces for _, reduces in path) != REDUCTIONS:
            raise GraphError(
                f"architecture {architecture!r}: mark exactly {REDUCTIONS} blocks per path with /2."
            )
    if len(paths) != 2:
        raise GraphError(
            f"architecture {architecture!r} has {len(paths)} paths: separate two paths by one |."
        )
    return paths


def format_paths(paths: Sequence[Sequence[Block]]) -> str:
    """Return the architecture string of two paths."""
    return "|".join(
        ",".join("+".join(operations) + ("/2" if reduces else "") for operations, reduces in path)
        for path in paths
    )


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of an architecture string."""
    paths = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = conv_bn(b, b.input(*skeleton.shape), skeleton.stem, 3, 1, "relu6")
    x = conv_bn(b, x, skeleton.widths[0], 3, skeleton.stem_stride, "relu6")
    y = b.concat([_path(b, x, path, skeleton.widths, variant) for path in paths])
    y = conv_bn(b, y, skeleton.head, 3, 1, "relu6")
    return classifier(b, y, skeleton.classes, dropout=variant == "upstream")


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks, the first k for any ``count``."""
    return take_first(distinct(build(a, skeleton, variant) for a in architectures(seed)), count)


def architectures(seed: int) -> Iterator[str]:
    """Yield random architectures without end, in the distribution of the reference's sampler."""
    rng = np.random.default_rng(seed)
    while True:
        yield format_paths([_sample_path(rng), _sample_path(rng)])


def _sample_path(rng: np.random.Generator) -> list[Block]:
    low, high = BLOCKS_PER_PATH
    blocks = [_sample_operations(rng) for _ in range(rng.integers(low, high + 1))]
    reducing = set(rng.permutation(len(blocks))[:REDUCTIONS].tolist())
    return [(operations, index in reducing) for index, operations in enumerate(blocks)]


def _sample_operations(rng: np.random.Generator) -> tuple[str, ...]:
    """Return one conv operation and up to two more, at most one supplementary, shuffled."""
    low, high = OPERATIONS_PER_BLOCK
    first = choice(rng, CONV_OPERATIONS)
    further = int(rng.integers(low, high + 1)) - 1
    return mixed_operations(rng, first, further, CONV_OPERATIONS, SUPPLEMENTARY_OPERATIONS)


def _path(
    b: GraphBuilder, x: int, path: Sequence[Block], widths: Sequence[int], variant: Variant
) -> int:
    remaining = iter(widths[1:])
    for operations, reduces in path:
        x = _block(b, x, operations, next(remaining) if reduces else b.shape(x)[2], variant)
    return x


def _block(b: GraphBuilder, x: int, operations: Sequence[str], width: int, variant: Variant) -> int:
    """Add one block; it reduces where ``width`` is not that of ``x``."""
    reduces = width != b.shape(x)[2]
    first = next(i for i, op in enumerate(operations) if op in CONV_OPERATIONS)
    y = x
    for i, op in enumerate(operations):
        if i == first:
            y = _operation(b, y, op, width, 2 if reduces else 1, variant)
        else:
            y = _operation(b, y, op, b.shape(y)[2], 1, variant)
    return y if reduces else b.add([x, y])


def _operation(b: GraphBuilder, x: int, op: str, width: int, stride: int, variant: Variant) -> int:
    if op.startswith("bottleneck"):
        return _bottleneck(b, x, op, width, stride, variant)
    kind, size = op[:-3], int(op[-1])
    if kind in ("avgpool", "maxpool"):
        return b.unary("batchnorm", b.pool(kind, x, size, stride))
    if kind == "inception_s":
        return inception_s(b, x, width, size, stride)
    if kind == "double":
        x = conv_bn(b, x, b.shape(x)[2], size, stride, "relu6")
        stride = 1
    return conv_bn(b, x, width, size, stride, "relu6")


def _bottleneck(b: GraphBuilder, x: int, op: str, width: int, stride: int, variant: Variant) -> int:
    """Add two convolutions through a hidden width of C_in / n (``-rn``) or C_in * n (``-en``)."""
    _, change, size = op.split("-")
    before, factor = b.shape(x)[2], int(change[1:])
    hidden = before // factor if change[0] == "r" else before * factor
    activation = "relu6" if variant == "benchmark" else ""
    y = conv_bn(b, x, hidden, int(size[1:]), stride, activation)
    return conv_bn(b, y, width, int(size[1:]), 1, activation)
