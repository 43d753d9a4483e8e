"""TransNAS-Bench-101, cell space: six edges between four nodes, 4^6 = 4,096 cells.

An architecture is the benchmark's own string ``64-41414-a_bc_def``: ten cells in five stages, whose
edges 0-1; 0-2, 1-2; 0-3, 1-3, 2-3 have an operation each: 0 zero, 1 skip, 2 a 1x1 and 3 a 3x3
convolution (ReLU in front, batch norm behind). Node 0 is the cell's input, a node sums its edges,
node 3 is the output. In cells that halve the map, the edges out of node 0 do it; a skip is a
factorised reduction there. Edges that cannot matter stay in the network, as in the benchmark, and
count; ``pruned`` sets them to zero.

Variants ``benchmark`` and ``upstream`` are the same network. ``tasks.TASKS`` has the skeletons of
the tasks; ``FULL`` is that of scene classification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.spaces.common import (
    Skeleton,
    Variant,
    cell_expression,
    factorised_reduction,
    graph_name,
    shuffled,
)
from archloom.spaces.common import take as take_first
from archloom.spaces.nb201 import SOURCES, TARGETS
from archloom.spaces.tnb101 import tasks

FAMILY = "tnb101_micro"
OPERATIONS = "0123"
ZERO, SKIP = "01"
KERNELS = {"2": 1, "3": 3}
"""Of the operations that are convolutions."""
STAGES = "41414"
_PATTERN = re.compile(
    rf"{tasks.BASE}-{STAGES}-([{OPERATIONS}])_([{OPERATIONS}]{{2}})_([{OPERATIONS}]{{3}})"
)

FULL, REDUCED = tasks.FULL, tasks.REDUCED


def parse(architecture: str) -> str:
    """Return the six operations, in the order of ``nb201.SOURCES``; ``GraphError`` for another
    string.
    """
    match = _PATTERN.fullmatch(architecture)
    if match is None:
        raise GraphError(
            f"{architecture!r} is not a cell of TransNAS-Bench-101: write {tasks.BASE}-{STAGES}-"
            "a_bc_def with digits 0 (zero), 1 (skip), 2 (1x1 convolution) and 3 (3x3 convolution)."
        )
    return "".join(match.groups())


def format_cell(operations: Sequence[str]) -> str:
    """Return the architecture string of six operations."""
    one, two, three = ("".join(operations[start:stop]) for start, stop in ((0, 1), (1, 3), (3, 6)))
    return f"{tasks.BASE}-{STAGES}-{one}_{two}_{three}"


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of a cell."""
    operations = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    return tasks.network(b, STAGES, skeleton, partial(_cell, operations=operations))


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random cells (at most all), the first k for any ``count``."""
    cells = list(enumerate_all())
    graphs = (build(cells[i], skeleton, variant) for i in shuffled(len(cells), seed))
    return take_first(graphs, count)


def enumerate_all() -> Iterator[str]:
    """Yield the 4,096 architectures in the order of their digits."""
    return (format_cell(digits) for digits in product(OPERATIONS, repeat=len(SOURCES)))


def cell_class(architecture: str) -> str:
    """Return an expression of what a cell computes; equal for cells that compute the same function.

    There are 1,229 classes; "0" is that of the 169 cells whose output does not depend on the image.
    A skip out of node 0 is a term of its own, since it is a convolution where the map is halved. A
    convolution used twice equals two equal convolutions.
    """
    edges = zip(parse(architecture), SOURCES, TARGETS, strict=True)
    return cell_expression(edges, ZERO, lambda op, source: op == SKIP and source > 0)


def pruned(architecture: str) -> str:
    """Return the cell with every edge set to zero that is on no path from node 0 to node 3.

    2,128 cells are left, which lie within the classes of ``cell_class``.
    """
    edges = list(zip(parse(architecture), SOURCES, TARGETS, strict=True))
    reached, needed = {0}, {3}
    for op, source, target in edges:
        if op != ZERO and source in reached:
            reached.add(target)
    for op, source, target in reversed(edges):
        if op != ZERO and target in needed:
            needed.add(source)
    return format_cell(
        [op if source in reached and target in needed else ZERO for op, source, target in edges]
    )


def _cell(b: GraphBuilder, x: int, width: int, stride: int, *, operations: str) -> int:
    states = [x]
    for node in (1, 2, 3):
        ends = [
            _edge(b, states[source], op, width, 1 if source else stride)
            for op, source, target in zip(operations, SOURCES, TARGETS, strict=True)
            if target == node
        ]
        states.append(ends[0] if len(ends) == 1 else b.add(ends))
    return states[3]


def _edge(b: GraphBuilder, x: int, op: str, width: int, stride: int) -> int:
    if op == ZERO:
        return _zeros(b, x, width, stride)
    if op == SKIP:
        if stride == 1:
            return b.unary("identity", x)
        return factorised_reduction(b, b.unary("relu", x), width, fill=1)
    return tasks.relu_conv(b, x, width, KERNELS[op], stride)


def _zeros(b: GraphBuilder, x: int, width: int, stride: int) -> int:
    """Add zeros of the size that the edge leads to."""
    if stride > 1:
        x = b.pool("maxpool", x, 1, stride, "valid")
    copies = [b.unary("zero", x) for _ in range(width // b.shape(x)[2])]
    return copies[0] if len(copies) == 1 else b.concat(copies)
