"""What the architecture families share: skeletons, names, and the pieces every network is made of.

A family turns an architecture (a compact string) into a graph on a *skeleton*: the input size,
channels and repeats around the searched cells or blocks. Each family has a ``full`` skeleton, that
of the papers, and a ``reduced`` one for 8x8 grey images, on which a network trains in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from numbers import Integral
from typing import Literal, Protocol

import numpy as np

from archloom.errors import ConfigError, GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.graph.definition import TensorType

CONSTANT = "0"
"""Class of the cells whose output does not depend on the input."""

Layer = Callable[[GraphBuilder, int], int]
"""Adds nodes behind a node and returns the last one."""

Variant = Literal["benchmark", "upstream"]
"""``benchmark``: the network that is trained; ``upstream``: the reference's compute graph of it."""

VARIANTS: tuple[Variant, ...] = ("benchmark", "upstream")

Output = Literal["classes", "tiles", "segmentation", "image"]
"""What a network gives: a vector, also of the tiles of an image, or a map as large as the input, of
class scores or colours.
"""


@dataclass(frozen=True)
class Skeleton:
    """Everything of a network that its architecture string does not say.

    shape       (H, W, C) of the input
    widths      channels per stage
    repeats     cells or blocks per stage
    stem        channels of the stem, stem_stride its stride
    head        channels of a last convolution, or of the first of a decoder (0: there is none)
    classes     numbers in the output, or channels of an output map
    """

    name: str
    shape: tuple[int, int, int]
    widths: tuple[int, ...]
    stem: int
    stem_stride: int = 1
    repeats: int = 1
    head: int = 0
    classes: int = 10
    output: Output = "classes"

    def resized(self, size: int) -> Skeleton:
        """Return the same skeleton for square images of ``size`` pixels, which is its name."""
        return replace(self, name=str(size), shape=(size, size, self.shape[2]))


class Space(Protocol):
    """A family: a module, or an object with the same names."""

    @property
    def FAMILY(self) -> str:
        """The name of the family."""

    @property
    def FULL(self) -> Skeleton:
        """The skeleton of the papers."""

    @property
    def REDUCED(self) -> Skeleton:
        """The skeleton for 8x8 grey images."""

    def build(self, architecture: str, skeleton: Skeleton = ..., variant: Variant = ...) -> Graph:
        """Return the network of an architecture string."""

    def sample(
        self, count: int, seed: int, skeleton: Skeleton = ..., variant: Variant = ...
    ) -> list[Graph]:
        """Return ``count`` different random networks, the first k for any ``count``."""


def graph_name(architecture: str, skeleton: Skeleton, variant: Variant) -> str:
    """Return the name of a graph: ``<architecture>[@reduced][@upstream]``."""
    if variant not in VARIANTS:
        raise ConfigError(f"variant {variant!r} is not known: use one of {', '.join(VARIANTS)}.")
    suffixes = [word for word in (skeleton.name, variant) if word not in ("full", "benchmark")]
    return "@".join([architecture, *suffixes])


def architecture_of(graph: Graph) -> str:
    """Return the architecture string in the name of a graph that a family built."""
    return graph.name.partition("@")[0]


def need_known(words: Iterable[str], known: Sequence[str], architecture: str) -> None:
    """Raise ``GraphError`` for the first word that is not one of ``known``."""
    for word in words:
        if word not in known:
            raise GraphError(
                f"architecture {architecture!r}: {word!r} is not an operation of this family, use "
                f"one of {', '.join(known)}."
            )


def cell_expression(
    edges: Iterable[tuple[str, int, int]], zero: str, passes: Callable[[str, int], bool]
) -> str:
    """Return what state 3 of a cell of four states sums: equal for cells of the same function.

    Each state is the multiset of terms that its edges (operation, source, target) bring: ``zero``
    and edges out of an empty state bring none, those where ``passes(operation, source)`` pass the
    terms of their source on, all others make one term. An empty result is ``CONSTANT``.
    """
    states: list[tuple[str, ...]] = [("x",), (), (), ()]
    for op, source, target in edges:
        terms = states[source]
        if op == zero or not terms:
            continue
        if not passes(op, source):
            terms = (f"{op}({'+'.join(terms)})",)
        states[target] = tuple(sorted(states[target] + terms))
    return "+".join(states[3]) or CONSTANT


def need_permitted(what: str, values: Iterable[object], permitted: Sequence[object]) -> None:
    """Raise ``GraphError`` for the first of ``values`` that is not one of those ``permitted``;
    where these are whole numbers, 1.0 is none.
    """
    whole = all(isinstance(one, Integral) for one in permitted)
    for value in values:
        if value not in permitted or (whole and not isinstance(value, Integral)):
            raise GraphError(
                f"{value!r} is no {what}: permitted are {', '.join(map(repr, permitted))}."
            )


def make_divisible(channels: float, divisor: int = 8) -> int:
    """Return ``channels`` rounded to a multiple of ``divisor``, at least one of it and never less
    than 90 % (AutoBuild spec 6.2).
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def take(graphs: Iterator[Graph], count: int) -> list[Graph]:
    """Return the first ``count`` graphs, fewer where the space ends."""
    if count < 0:
        raise ConfigError(f"{count} graphs were asked for: choose 0 or more.")
    return list(islice(graphs, count))


def shuffled(size: int, seed: int) -> Iterator[int]:
    """Yield 0..size-1 in an order that ``seed`` decides."""
    return iter(np.random.default_rng(seed).permutation(size).tolist())


def choice(rng: np.random.Generator, words: Sequence[str]) -> str:
    """Return one of ``words``, each as likely as any other."""
    return words[int(rng.integers(len(words)))]


def mixed_operations(
    rng: np.random.Generator,
    first: str,
    further: int,
    conv_operations: Sequence[str],
    supplementary: Sequence[str],
) -> tuple[str, ...]:
    """Return ``first`` and ``further`` drawn operations, shuffled: at most one is supplementary.

    A draw takes any operation with equal probability; a second supplementary one is drawn again
    from the conv operations.
    """
    operations, has_supplementary = [first], False
    both = len(conv_operations) + len(supplementary)
    for _ in range(further):
        drawn = bool(rng.random() * both >= len(conv_operations))
        pool = supplementary if drawn and not has_supplementary else conv_operations
        operations.append(choice(rng, pool))
        has_supplementary |= drawn
    return tuple(operations[i] for i in rng.permutation(len(operations)).tolist())


def map_type(shape: tuple[int, int, int], batch: int = 1) -> TensorType:
    """Return the type that definitions give a map of these sizes (H, W, C): NCHW floats."""
    height, width, channels = shape
    return TensorType("float32", (batch, channels, height, width))


def conv_bn(
    b: GraphBuilder,
    x: int,
    channels: int,
    kernel: int | tuple[int, int] = 3,
    stride: int | tuple[int, int] = 1,
    activation: str = "",
    *,
    bias: bool = False,
    padding: str | int = "same",
) -> int:
    """Add a convolution, batch norm and, where named, an activation."""
    y = b.unary("batchnorm", b.conv(x, channels, kernel, stride, bias=bias, padding=padding))
    return b.unary(activation, y) if activation else y


def relu(b: GraphBuilder, x: int) -> int:
    """Add a ReLU."""
    return b.unary("relu", x)


def factorised_reduction(b: GraphBuilder, x: int, width: int, fill: int = 0) -> int:
    """Halve H and W by two strided 1x1 convolutions, of all pixels and of those behind the first
    row and column, with one batch norm.

    ``fill`` rows and columns of zeros take the place of the first ones; 1 is for odd sizes.
    """
    shifted = b.pad(x, (-1, -1, fill, fill))
    halves = [
        b.conv(x, width // 2, 1, 2, padding="valid"),
        b.conv(shifted, width - width // 2, 1, 2, padding="valid"),
    ]
    return b.unary("batchnorm", b.concat(halves))


def squeeze_excite(b: GraphBuilder, x: int, squeezed: int, gate: str = "hardsigmoid") -> int:
    """Scale channels by what two 1x1 convolutions with bias, over ``squeezed`` channels, make of
    their means.
    """
    y = b.conv(b.unary("mean", x), squeezed, 1, padding="valid", bias=True)
    y = b.conv(b.unary("relu", y), b.shape(x)[2], 1, padding="valid", bias=True)
    return b.mul([x, b.unary(gate, y)])


def inception_s(b: GraphBuilder, x: int, channels: int, size: int = 3, stride: int = 1) -> int:
    """Add 1 x size with the stride on both axes, then size x 1, each with batch norm and ReLU6."""
    y = conv_bn(b, x, channels, (1, size), stride, "relu6")
    return conv_bn(b, y, channels, (size, 1), 1, "relu6")


def inverted_bottleneck(
    b: GraphBuilder,
    x: int,
    hidden: int,
    channels: int,
    kernel: int,
    stride: int,
    activate: Layer,
    excite: Layer | None = None,
    *,
    residual: bool = True,
) -> int:
    """Add 1x1 to ``hidden`` channels, a depthwise convolution and 1x1 to ``channels``, each with
    batch norm; the first two are activated, and excited where asked for.

    Pads as PyTorch does. Without a change of channels the first convolution is left out; a block
    of stride 1 that keeps its channels gets a ``residual``.
    """
    y = x if hidden == b.shape(x)[2] else activate(b, conv_bn(b, x, hidden, 1, padding="valid"))
    y = b.depthwise(y, kernel, stride, padding=kernel // 2)
    y = activate(b, b.unary("batchnorm", y))
    if excite is not None:
        y = excite(b, y)
    y = conv_bn(b, y, channels, 1, padding="valid")
    keeps = stride == 1 and b.shape(x)[2] == channels
    return b.add([x, y]) if residual and keeps else y


def classifier(b: GraphBuilder, x: int, classes: int, *, dropout: bool = False) -> Graph:
    """Finish the network: mean over H and W, dense layer, output.

    ``dropout`` puts in the identity node that dropout leaves in the reference's graphs.
    """
    y = b.unary("mean", x)
    if dropout:
        y = b.unary("identity", y)
    b.output(b.matmul(y, classes))
    return b.build()
