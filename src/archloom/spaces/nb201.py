"""NAS-Bench-201 (GENNAPE spec 2.2): six edges between four states, 5^6 = 15,625 cells.

An architecture is the benchmark's cell string ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``; edge i leads
from state ``SOURCES[i]`` to state ``TARGETS[i]``. A ``none`` edge becomes a ``zero`` node (x * 0)
and a skip an ``identity`` node, so every cell is a connected network and all cells have different
graphs.

Variants: ``benchmark`` is the network whose accuracies the benchmark lists (PyTorch padding);
``upstream`` has the deviations of the reference's TensorFlow graphs (SAME padding, batch norm
behind average pools, a reduction without batch norm, a head without batch norm and ReLU, dropout
left as an identity).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.spaces.common import (
    Skeleton,
    Variant,
    cell_expression,
    classifier,
    graph_name,
    need_known,
    shuffled,
)
from archloom.spaces.common import take as take_first

FAMILY = "nb201"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
SOURCES = (0, 0, 1, 0, 1, 2)
TARGETS = (1, 2, 2, 3, 3, 3)

FULL = Skeleton("full", (32, 32, 3), widths=(16, 32, 64), stem=16, repeats=5)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(8, 16, 32), stem=8, repeats=1)


def parse(architecture: str) -> tuple[str, ...]:
    """Return the six operations of a cell string; raises ``GraphError`` where it is damaged."""
    edges = [edge for node in architecture.split("+") for edge in node.strip("|").split("|")]
    parts = [edge.rpartition("~") for edge in edges]
    operations = tuple(part[0] for part in parts)
    need_known(operations, OPERATIONS, architecture)
    if len(operations) != len(SOURCES) or format_cell(operations) != architecture:
        raise GraphError(
            f"{architecture!r} is not an NB-201 cell: write six operations as "
            "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|."
        )
    return operations


def format_cell(operations: Sequence[str]) -> str:
    """Return the cell string of six operations, in the order of ``SOURCES``; raises ``GraphError``
    for another number of them.
    """
    if len(operations) != len(SOURCES):
        raise GraphError(f"{len(operations)} operations for a cell: give {len(SOURCES)}.")
    edges = [f"{op}~{source}|" for op, source in zip(operations, SOURCES, strict=True)]
    return "+".join("|" + "".join(edges[start:stop]) for start, stop in ((0, 1), (1, 3), (3, 6)))


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of a cell string."""
    operations = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = b.unary("batchnorm", b.conv(b.input(*skeleton.shape), skeleton.stem, 3))
    for stage, width in enumerate(skeleton.widths):
        if stage:
            x = _REDUCTIONS[variant](b, x, width)
        source, start = x, len(b)
        _cell(b, x, operations, variant)
        x = b.repeat(start, source, skeleton.repeats - 1)
    if variant == "benchmark":
        x = b.unary("relu", b.unary("batchnorm", x))
    return classifier(b, x, skeleton.classes, dropout=variant == "upstream")


def sample(
    count: int,
    seed: int,
    skeleton: Skeleton = FULL,
    variant: Variant = "benchmark",
    operations: Sequence[str] | None = None,
) -> list[Graph]:
    """Return ``count`` different random cells (at most all), the first k for any ``count``.

    ``operations`` limits the cells. By default the variant ``benchmark`` has all 15,625, and
    ``upstream`` the 4,096 without ``none`` that the reference's caches hold (GENNAPE spec 2).
    """
    if operations is None:
        operations = OPERATIONS if variant == "benchmark" else OPERATIONS[1:]
    need_known(operations, OPERATIONS, "sample")
    cells = list(product(operations, repeat=len(SOURCES)))
    graphs = (build(format_cell(cells[i]), skeleton, variant) for i in shuffled(len(cells), seed))
    return take_first(graphs, count)


def enumerate_all() -> Iterator[str]:
    """Yield the 15,625 cell strings."""
    return (format_cell(operations) for operations in product(OPERATIONS, repeat=len(SOURCES)))


def cell_class(architecture: str) -> str:
    """Return an expression of what a cell computes; equal for cells that compute the same function.

    There are 4,930 classes. The benchmark's own rule keeps empty sums and nested sums apart, which
    gives the 6,466 classes of the literature: every one of those lies in one of ours. As there, a
    convolution used twice equals two equal convolutions.
    """
    edges = zip(parse(architecture), SOURCES, TARGETS, strict=True)
    return cell_expression(edges, "none", lambda op, _: op == "skip_connect")


def _cell(b: GraphBuilder, x: int, operations: Sequence[str], variant: Variant) -> int:
    """Add one cell; a state sums its edges in pairs, from the last one on as in the reference.

    So is the order of nodes: no sum comes before the edges that do not need it.
    """
    first, *rest = operations
    one = _edge(b, x, first, variant)
    into_two = [_edge(b, source, op, variant) for source, op in zip((x, one), rest, strict=False)]
    into_three = [
        _edge(b, source, op, variant) for source, op in zip((x, one), rest[2:], strict=False)
    ]
    two = b.add(into_two)
    into_three.append(_edge(b, two, rest[4], variant))
    return b.add([into_three[0], b.add(into_three[1:])])


def _edge(b: GraphBuilder, x: int, op: str, variant: Variant) -> int:
    """Add the operation of one edge."""
    if op in ("none", "skip_connect"):
        return b.unary("zero" if op == "none" else "identity", x)
    if op == "avg_pool_3x3":
        if variant == "upstream":
            return b.unary("batchnorm", b.pool("avgpool", x, 3))
        return b.pool("avgpool", x, 3, padding=1)
    size = 3 if op == "nor_conv_3x3" else 1
    return _relu_conv(b, x, b.shape(x)[2], size)


def _relu_conv(
    b: GraphBuilder, x: int, width: int, size: int, stride: int = 1, padding: str | int = "same"
) -> int:
    return b.unary("batchnorm", b.conv(b.unary("relu", x), width, size, stride, padding=padding))


def _reduce_benchmark(b: GraphBuilder, x: int, width: int) -> int:
    main = _relu_conv(b, _relu_conv(b, x, width, 3, 2, 1), width, 3)
    return b.add([b.conv(b.pool("avgpool", x, 2, 2, "valid"), width, 1), main])


def _reduce_upstream(b: GraphBuilder, x: int, width: int) -> int:
    main = b.conv(b.unary("relu", b.conv(x, b.shape(x)[2], 3)), width, 3, 2)
    return b.unary("relu", b.add([main, b.conv(b.pool("avgpool", x, 3, 2), width, 1)]))


_REDUCTIONS = {"benchmark": _reduce_benchmark, "upstream": _reduce_upstream}
