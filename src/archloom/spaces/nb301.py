"""NAS-Bench-301, the DARTS space (GENNAPE spec 2.3): a normal and a reduction cell.

An architecture is the two cells, ``normal;reduction``. A cell has four steps separated by ``|``,
each of two edges ``operation~state``: ``sep_conv_3x3~0,skip_connect~1|...``. States 0 and 1 are the
outputs of the two cells before, step i makes state i + 2, and a cell's output concatenates all four
steps. In a reduction cell the edges out of states 0 and 1 have stride 2.

A skeleton's ``repeats`` are the normal cells of each stage; a reduction cell lies between stages,
so that 2 repeats make the benchmark's 8 cells.

Variant ``upstream`` has the deviations of the reference's graphs as far as they are known: two
stems with ReLU in front of batch norm, no ReLU in the second half of a separable convolution, a
``global`` mean, and a 1x1 convolution as classifier. Their 20 cells of width 48 are a matter of the
skeleton. No graph of them was released to compare with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder, distinct
from archloom.spaces.common import (
    Skeleton,
    Variant,
    choice,
    classifier,
    conv_bn,
    factorised_reduction,
    graph_name,
    need_known,
)
from archloom.spaces.common import take as take_first

FAMILY = "nb301"
OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
NONE = "none"
"""Zeros; not in the benchmark, but in some published genotypes."""
STEPS = 4
EDGES_PER_STEP = 2

FULL = Skeleton("full", (32, 32, 3), widths=(32, 64, 128), stem=96, repeats=2)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(8, 16, 32), stem=24, repeats=1)

Edge = tuple[str, int]
"""Operation and the state it reads."""

Cell = tuple[tuple[Edge, ...], ...]
"""The edges of each step."""


def parse(architecture: str) -> tuple[Cell, Cell]:
    """Return the normal and the reduction cell; raises ``GraphError`` for a damaged string."""
    edges = [
        [[edge.partition("~") for edge in step.split(",")] for step in cell.split("|")]
        for cell in architecture.split(";")
    ]
    words = (edge[0] for cell in edges for step in cell for edge in step)
    need_known(words, (*OPERATIONS, NONE), architecture)
    try:
        cells = [
            tuple(tuple((edge[0], int(edge[2])) for edge in step) for step in cell)
            for cell in edges
        ]
    except ValueError:
        cells = []
    if len(cells) != 2 or format_cells(*cells) != architecture or not all(map(_is_cell, cells)):
        raise GraphError(
            f"{architecture!r} is not a pair of DARTS cells: write normal;reduction, each as "
            f"{STEPS} steps separated by |, a step as sep_conv_3x3~0,skip_connect~1 (step i reads "
            "states 0 to i + 1)."
        )
    return cells[0], cells[1]


def format_cells(normal: Cell, reduction: Cell) -> str:
    """Return the architecture string of two cells."""
    return ";".join(
        "|".join(",".join(f"{operation}~{state}" for operation, state in step) for step in cell)
        for cell in (normal, reduction)
    )


_PAIR = r"\(\s*['\"](\w+)['\"]\s*,\s*(\d+)\s*\)"


def from_genotype(text: str) -> str:
    """Return the architecture of a printed ``Genotype(normal=..., normal_concat=..., ...)``.

    The text is searched for its pairs, never evaluated; pairs may be nested in lists per step.
    Raises ``GraphError`` where they do not make two cells that concatenate states 2 to 5.
    """
    plain = re.sub(
        r"\b(?:np|numpy)\.(?:u?int\w*|str_?)\(([^()]*)\)", r"\1", text
    )  # as NumPy 2 prints
    match = re.fullmatch(
        r"\s*Genotype\(normal=(.*),\s*normal_concat=(.*),\s*reduce=(.*),\s*reduce_concat=(.*)\)\s*",
        plain,
        re.DOTALL,
    )
    concat = [re.sub(r"\s", "", match[group]) for group in (2, 4)] if match else []
    if match is None or not set(concat) <= {"range(2,6)", "[2,3,4,5]"}:
        raise GraphError(
            f"{text!r} is not a DARTS genotype: it has to read Genotype(normal=[...], "
            "normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))."
        )
    cells = []
    for group in (1, 3):
        rest = re.sub(_PAIR, "", match[group])
        if re.search(r"[^\s,()\[\]]", rest):
            raise GraphError(
                f"{text!r} is not a DARTS genotype: {rest.strip(' ,()[]')!r} is no pair of an "
                "operation and a state, such as ('sep_conv_3x3', 0)."
            )
        pairs = re.findall(_PAIR, match[group])
        edges = [(operation, int(state)) for operation, state in pairs]
        cells.append(tuple(zip(edges[::2], edges[1::2], strict=False)))
    architecture = format_cells(cells[0], cells[1])
    parse(architecture)
    return architecture


def from_integers(normal: Sequence[int], reduction: Sequence[int]) -> str:
    """Return the architecture of two flat lists of (state, operation) pairs, two pairs per step, as
    NASLib's tables have them; operations are numbered as in ``OPERATIONS``.

    The pairs of a step come in the order of their text, so that equal cells have equal strings.
    Raises ``GraphError`` for a number that is no operation, and where there are no two cells.
    """
    cells = []
    for numbers in (normal, reduction):
        if any(not 0 <= number < len(OPERATIONS) for number in numbers[1::2]):
            raise GraphError(
                f"{list(numbers)} is not a DARTS cell: operations are 0 to {len(OPERATIONS) - 1}."
            )
        edges = [
            (OPERATIONS[number], int(state))
            for state, number in zip(numbers[::2], numbers[1::2], strict=False)
        ]
        cells.append(tuple(zip(edges[::2], edges[1::2], strict=False)))
    return canonical(format_cells(cells[0], cells[1]))


def canonical(architecture: str) -> str:
    """Return the string of the same network whose steps have their edges in alphabetical order."""
    cells = [tuple(tuple(sorted(step)) for step in cell) for cell in parse(architecture)]
    return format_cells(cells[0], cells[1])


def cell_class(architecture: str) -> str:
    """Return an expression of what two cells compute; equal for cells of the same function.

    A state is the multiset of terms that it sums: ``none`` and edges out of an empty state bring
    none, a skip passes terms on where it is no factorised reduction, other edges make one term. The
    order in which a cell concatenates its steps does not matter, since a 1x1 convolution reads
    them. A convolution used twice equals two equal convolutions.
    """
    normal, reduction = parse(architecture)
    return f"{_expression(normal, 1)};{_expression(reduction, 2)}"


def _expression(cell: Cell, stride: int) -> str:
    states: list[tuple[str, ...]] = [("a",), ("b",)]
    for step in cell:
        terms: list[str] = []
        for operation, state in step:
            if operation == NONE or not states[state]:
                continue
            if operation == "skip_connect" and (stride == 1 or state > 1):
                terms += states[state]
            else:
                terms.append(f"{operation}({'+'.join(states[state])})")
        states.append(tuple(sorted(terms)))
    return "|".join(sorted("+".join(terms) or "0" for terms in states[2:]))


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of two cells."""
    normal, reduction = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    before, x = _stem(b, b.input(*skeleton.shape), skeleton.stem, variant)
    for stage, width in enumerate(skeleton.widths):
        if stage:
            before, x = x, _cell(b, before, x, reduction, width, 2, variant)
        for _ in range(skeleton.repeats):
            before, x = x, _cell(b, before, x, normal, width, 1, variant)
    if variant == "benchmark":
        return classifier(b, x, skeleton.classes)
    b.output(b.conv(b.unary("global", x), skeleton.classes, 1, bias=True))
    return b.build()


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random networks, the first k for any ``count``."""
    return take_first(distinct(build(a, skeleton, variant) for a in architectures(seed)), count)


def architectures(seed: int) -> Iterator[str]:
    """Yield random architectures without end: each step draws two different states, and an
    operation for each.
    """
    rng = np.random.default_rng(seed)
    while True:
        yield format_cells(_sample_cell(rng), _sample_cell(rng))


def _is_cell(cell: Cell) -> bool:
    return len(cell) == STEPS and all(
        len(step) == EDGES_PER_STEP and all(0 <= state < number for _, state in step)
        for number, step in enumerate(cell, start=2)
    )


def _sample_cell(rng: np.random.Generator) -> Cell:
    return tuple(
        tuple(
            (choice(rng, OPERATIONS), state)
            for state in sorted(rng.permutation(number)[:EDGES_PER_STEP].tolist())
        )
        for number in range(2, STEPS + 2)
    )


def _stem(b: GraphBuilder, x: int, width: int, variant: Variant) -> tuple[int, int]:
    """Return states 0 and 1 of the first cell."""
    if variant == "benchmark":
        y = conv_bn(b, x, width)
        return y, y
    first, second = (b.unary("batchnorm", b.unary("relu", b.conv(x, width))) for _ in range(2))
    return first, second


def _cell(
    b: GraphBuilder, before: int, x: int, cell: Cell, width: int, stride: int, variant: Variant
) -> int:
    reduced = b.shape(before)[0] != b.shape(x)[0]
    first = _relu_reduction(b, before, width) if reduced else _relu_conv(b, before, width)
    states = [first, _relu_conv(b, x, width)]
    for step in cell:
        ends = [
            _edge(b, states[state], operation, stride if state < 2 else 1, variant)
            for operation, state in step
        ]
        states.append(b.add(ends))
    return b.concat(states[2:])


def _edge(b: GraphBuilder, x: int, operation: str, stride: int, variant: Variant) -> int:
    if operation == NONE:
        return b.unary("zero", x if stride == 1 else b.pool("maxpool", x, 1, stride, "valid"))
    if operation == "skip_connect":
        return b.unary("identity", x) if stride == 1 else _relu_reduction(b, x, b.shape(x)[2])
    kind, size = operation[:-4], int(operation[-1])
    return _KINDS[kind](b, x, size, stride, variant)


def _relu_conv(b: GraphBuilder, x: int, width: int) -> int:
    return conv_bn(b, b.unary("relu", x), width, 1)


def _relu_reduction(b: GraphBuilder, x: int, width: int) -> int:
    return factorised_reduction(b, b.unary("relu", x), width)


def _separable(b: GraphBuilder, x: int, size: int, stride: int, variant: Variant) -> int:
    width = b.shape(x)[2]
    y = b.depthwise(b.unary("relu", x), size, stride, padding=size // 2)
    y = conv_bn(b, y, width, 1)
    if variant == "benchmark":
        y = b.unary("relu", y)
    return conv_bn(b, b.depthwise(y, size, padding=size // 2), width, 1)


def _dilated(b: GraphBuilder, x: int, size: int, stride: int, variant: Variant) -> int:
    y = b.depthwise(b.unary("relu", x), size, stride, padding=size - 1, dilation=2)
    return conv_bn(b, y, b.shape(x)[2], 1)


def _pool(kind: str) -> Callable[[GraphBuilder, int, int, int, Variant], int]:
    def add(b: GraphBuilder, x: int, size: int, stride: int, variant: Variant) -> int:
        return b.pool(kind, x, size, stride, padding=size // 2)

    return add


_KINDS: dict[str, Callable[[GraphBuilder, int, int, int, Variant], int]] = {
    "max_pool": _pool("maxpool"),
    "avg_pool": _pool("avgpool"),
    "sep_conv": _separable,
    "dil_conv": _dilated,
}
