"""The ENAS space of the DAG-encoder benchmark (Zhang et al., NeurIPS 2019): six layers and skips.

An architecture is the operations and the skip bits, ``1,4,5,0,2,3/000111111100001``. Operations: 0
convolution 3x3, 1 separable 3x3, 2 convolution 5x5, 3 separable 5x5, 4 average pool, 5 maximum
pool. Layer i (from 0) reads the layer before it, layer 0 the stem, and has i bits: bit 0 adds the
stem's output to its own, bit j that of layer j - 1. Behind layers 1 and 3 every output so far is
halved, each by a factorised reduction of its own; those that nobody reads are left out here.

The published accuracies belong to ``trained(architecture)``: the search code that made them runs
the last branch, maximum pool, in place of every operation, so that they depend on the skips alone.

Variants ``benchmark`` and ``upstream`` are the same network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, distinct
from archloom.spaces.common import Skeleton, Variant, conv_bn, factorised_reduction, graph_name
from archloom.spaces.common import take as take_first

FAMILY = "enas"
OPERATIONS = ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool", "max_pool")
LAYERS = 6
HALVED_BEHIND = (1, 3)
_BITS = LAYERS * (LAYERS - 1) // 2
_PATTERN = re.compile(rf"([0-5](?:,[0-5]){{{LAYERS - 1}}})/([01]{{{_BITS}}})")

FULL = Skeleton("full", (32, 32, 3), widths=(36,), stem=36)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(8,), stem=8)


def parse(architecture: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the operation and the skip bits of each layer; raises ``GraphError`` for another
    string.
    """
    match = _PATTERN.fullmatch(architecture)
    if match is None:
        raise GraphError(
            f"{architecture!r} is not an ENAS network: write {LAYERS} operations 0 to 5 separated "
            f"by commas, a slash, and {_BITS} skip bits 0 or 1."
        )
    starts = [layer * (layer - 1) // 2 for layer in range(LAYERS + 1)]
    bits = tuple(match[2][start:stop] for start, stop in zip(starts, starts[1:], strict=False))
    return tuple(map(int, match[1].split(","))), bits


def from_lists(operations: Sequence[int], skips: Sequence[int]) -> str:
    """Return the architecture of two lists, as the published table has them; raises ``GraphError``
    where they are no network of the space.
    """
    architecture = f"{','.join(map(str, operations))}/{''.join(map(str, skips))}"
    parse(architecture)
    return architecture


def trained(architecture: str) -> str:
    """Return the network that the published accuracy of an architecture belongs to."""
    parse(architecture)
    pools = ",".join([str(OPERATIONS.index("max_pool"))] * LAYERS)
    return f"{pools}/{architecture.partition('/')[2]}"


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of an architecture."""
    operations, bits = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = b.conv(b.input(*skeleton.shape), skeleton.stem, 3, padding=1)
    outputs = [b.unary("batchnorm", x)]
    for layer, (operation, skips) in enumerate(zip(operations, bits, strict=True)):
        x = _branch(b, outputs[-1], OPERATIONS[operation])
        added = [outputs[source] for source in _read(skips)]
        if layer:
            x = b.unary("batchnorm", b.add([x, *added]) if added else x)
        outputs.append(x)
        if layer in HALVED_BEHIND:
            later = {layer + 1}.union(*(_read(skips) for skips in bits[layer + 1 :]))
            outputs = [
                factorised_reduction(b, output, b.shape(output)[2], fill=1)
                if number in later
                else output
                for number, output in enumerate(outputs)
            ]
    b.output(b.conv(b.unary("mean", x), skeleton.classes, 1, padding="valid"))
    return b.build()


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks, the first k for any ``count``."""
    return take_first(distinct(build(a, skeleton, variant) for a in architectures(seed)), count)


def architectures(seed: int) -> Iterator[str]:
    """Yield random architectures without end, operations and bits drawn uniformly."""
    rng = np.random.default_rng(seed)
    while True:
        operations = rng.integers(len(OPERATIONS), size=LAYERS).tolist()
        yield from_lists(operations, rng.integers(2, size=_BITS).tolist())


def _read(skips: str) -> list[int]:
    """Return the numbers of the outputs that a layer adds: 0 the stem, j layer j - 1."""
    return [number for number, bit in enumerate(skips) if bit == "1"]


def _branch(b: GraphBuilder, x: int, operation: str) -> int:
    """Add the operation of a layer behind a 1x1 convolution."""
    width = b.shape(x)[2]
    y = conv_bn(b, x, width, 1, activation="relu", padding="valid")
    if operation.endswith("pool"):
        return b.pool(f"{operation[:3]}pool", y, 3, padding=1)
    kernel = int(operation[-1])
    if operation.startswith("sep"):
        y = b.depthwise(y, kernel, padding=kernel // 2)
        return conv_bn(b, y, width, 1, activation="relu", padding="valid")
    return conv_bn(b, y, width, kernel, activation="relu", padding=kernel // 2)
