"""NAS-Bench-101 (GENNAPE spec 2.1): one cell of up to seven vertices, stacked nine times.

An architecture lists the vertices behind the cell's input as ``operation~sources``, so
``conv3x3~0|maxpool3x3~0,1|output~0,2`` is a cell of four vertices: vertex 0 is the input, 1 a
convolution of it, 2 a max pool of both, and the output takes the input and vertex 2. Every vertex
has to lie between input and output; ``from_matrix`` prunes a matrix to those.

Interior vertices that feed the output share its channels, their outputs are concatenated; a vertex
sums its sources, cut to its own channels. The cell's input enters through 1x1 convolutions.

Variants ``benchmark`` and ``upstream`` are the same network: the reference's graphs have the
benchmark's padding, and its sums of several operands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from archloom.errors import GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.graph.definition import Definition, Literal, Operand, TensorType
from archloom.spaces.common import (
    Skeleton,
    Variant,
    classifier,
    conv_bn,
    graph_name,
    map_type,
    need_known,
    need_permitted,
    shuffled,
)
from archloom.spaces.common import take as take_first
from archloom.spaces.nb101_cells import MAX_EDGES, MAX_VERTICES, all_cells, digest, edges_of

FAMILY = "nb101"
OPERATIONS = ("conv1x1", "conv3x3", "maxpool3x3")
OUTPUT = "output"
SUFFIX = "-bn-relu"
"""What the benchmark's own names of the convolutions have behind ours."""

FULL = Skeleton("full", (32, 32, 3), widths=(128, 256, 512), stem=128, repeats=3)
REDUCED = Skeleton("reduced", (8, 8, 1), widths=(16, 32, 64), stem=16, repeats=1)

Vertex = tuple[str, tuple[int, ...]]
"""Operation of a vertex and the vertices it reads, ascending."""

Cell = tuple[Vertex, ...]
"""The vertices 1 to V - 1; vertex 0 is the input, the last one the output."""


def parse(architecture: str) -> Cell:
    """Return the vertices of a cell; raises ``GraphError`` for a string outside the space."""
    parts = [vertex.partition("~") for vertex in architecture.split("|")]
    need_known((part[0] for part in parts[:-1]), OPERATIONS, architecture)
    try:
        cell = tuple(
            (operation, tuple(map(int, sources.split(",")))) for operation, _, sources in parts
        )
    except ValueError:
        cell = ()
    if format_cell(cell) != architecture or not _is_in_space(cell):
        raise GraphError(
            f"{architecture!r} is not an NB-101 cell: write up to {MAX_VERTICES - 2} vertices and "
            f"the output as conv3x3~0|maxpool3x3~0,1|output~0,2, sources ascending and before "
            f"their vertex, each one used, at most {MAX_EDGES} in all."
        )
    return cell


def format_cell(cell: Cell) -> str:
    """Return the architecture string of a cell."""
    return "|".join(f"{operation}~{','.join(map(str, sources))}" for operation, sources in cell)


def from_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """Return the architecture of an upper-triangular (V, V) adjacency matrix (row: source).

    ``labels`` are the V operations by the benchmark's or our names, those of the first and the last
    vertex are ignored. Vertices that no path from input to output visits are pruned. Raises
    ``GraphError`` where nothing is left, or the rest is outside the space.
    """
    last = len(matrix) - 1
    if len(labels) != len(matrix) or any(len(row) != len(matrix) for row in matrix):
        raise GraphError(
            f"a matrix of {len(matrix)} rows and {len(labels)} labels are no cell: give as many "
            "columns and labels as rows."
        )
    for source, row in enumerate(matrix):
        need_permitted("entry of an adjacency matrix", row, (0, 1))
        if any(row[: source + 1]):
            raise GraphError(
                f"vertex {source} leads back to vertex {list(row).index(1)}: permitted are edges "
                "to later vertices, entries above the diagonal."
            )
    forward, backward = {0}, {last}
    for vertex in range(1, last + 1):
        if any(matrix[source][vertex] and source in forward for source in range(vertex)):
            forward.add(vertex)
    for vertex in range(last - 1, -1, -1):
        if any(
            matrix[vertex][target] and target in backward for target in range(vertex + 1, last + 1)
        ):
            backward.add(vertex)
    kept = sorted(forward & backward)
    if len(kept) < 2:
        raise GraphError("no path leads from the first to the last vertex: the cell is invalid.")
    position = {vertex: index for index, vertex in enumerate(kept)}
    cell = tuple(
        (
            OUTPUT if vertex == last else labels[vertex].removesuffix(SUFFIX),
            tuple(
                position[source] for source in kept if source < vertex and matrix[source][vertex]
            ),
        )
        for vertex in kept[1:]
    )
    return format_cell(parse(format_cell(cell)))


def cell_class(architecture: str) -> str:
    """Return a name that isomorphic cells share, whatever the order of their vertices.

    Their networks may differ by a channel in vertices that feed the output, whose shares of its
    channels go by that order.
    """
    cell = parse(architecture)
    operations = [OPERATIONS.index(operation) for operation, _ in cell[:-1]]
    edges = ((source, target) for target, (_, sources) in enumerate(cell, 1) for source in sources)
    return f"{digest(operations, edges):016x}"


def channels(cell: Cell, c_in: int, c_out: int) -> list[int]:
    """Return the output channels of every vertex of ``cell``, the input first.

    Vertices that feed the output share ``c_out``, earlier ones get the remainder; any other vertex
    has as many as the widest vertex it feeds.
    """
    last = len(cell)
    result = [c_in, *[0] * (last - 1), c_out]
    feeding = [source for source in cell[-1][1] if source]
    for index, vertex in enumerate(feeding):
        result[vertex] = c_out // len(feeding) + (index < c_out % len(feeding))
    for vertex in range(last - 1, 0, -1):
        if vertex not in feeding:
            result[vertex] = max(
                result[target]
                for target in range(vertex + 1, last)
                if vertex in cell[target - 1][1]
            )
    return result


def build(architecture: str, skeleton: Skeleton = FULL, variant: Variant = "benchmark") -> Graph:
    """Return the network of a cell."""
    cell = parse(architecture)
    b = GraphBuilder(graph_name(architecture, skeleton, variant), FAMILY)
    x = conv_bn(b, b.input(*skeleton.shape), skeleton.stem, activation="relu")
    for stack, width in enumerate(skeleton.widths):
        if stack:
            x = b.pool("maxpool", x, 2, 2)
        left = skeleton.repeats
        if b.shape(x)[2] != width:
            x, left = _cell(b, x, cell, width), left - 1
        if left:
            source, start = x, len(b)
            _cell(b, x, cell, width)
            x = b.repeat(start, source, left - 1)
    return classifier(b, x, skeleton.classes)


def sample(
    count: int, seed: int, skeleton: Skeleton = FULL, variant: Variant = "benchmark"
) -> list[Graph]:
    """Return ``count`` different random cells (at most all), the first k for any ``count``.

    All classes of isomorphic cells are equally likely. ``sample(5000, seed)`` stands in for the
    reference's subset of 5,000, whose list of cells was not published.
    """
    table = all_cells()
    graphs = (
        build(_numbered(*table[i].tolist()), skeleton, variant) for i in shuffled(len(table), seed)
    )
    return take_first(graphs, count)


def enumerate_all() -> Iterator[str]:
    """Yield the 423,624 architectures, one of each class of isomorphic cells, small ones first."""
    return (_numbered(*numbers) for numbers in all_cells().tolist())


def _numbered(vertices: int, mask: int, labels: int) -> str:
    sources: list[list[int]] = [[] for _ in range(vertices)]
    for bit, (source, target) in enumerate(edges_of(vertices)):
        if mask >> bit & 1:
            sources[target].append(source)
    operations = [OPERATIONS[labels // 3**v % 3] for v in range(vertices - 2)]
    return format_cell(tuple(zip([*operations, OUTPUT], map(tuple, sources[1:]), strict=True)))


def _is_in_space(cell: Cell) -> bool:
    used = {source for _, sources in cell for source in sources}
    return (
        0 < len(cell) < MAX_VERTICES
        and cell[-1][0] == OUTPUT
        and used == set(range(len(cell)))
        and sum(len(sources) for _, sources in cell) <= MAX_EDGES
        and all(
            list(sources) == sorted(set(sources)) and 0 <= sources[0] and sources[-1] < vertex
            for vertex, (_, sources) in enumerate(cell, start=1)
        )
    )


def _cell(b: GraphBuilder, x: int, cell: Cell, width: int) -> int:
    """Add one cell with ``width`` output channels."""
    conv = partial(conv_bn, b, activation="relu")
    widths = channels(cell, b.shape(x)[2], width)
    outputs = [x]
    for (operation, sources), own in zip(cell[:-1], widths[1:], strict=False):
        terms = [outputs[source] for source in sources if source]
        if 0 in sources:
            terms.append(conv(x, own, 1))
        y = _cut(b, b.add(terms, cut=True) if len(terms) > 1 else terms[0], own)
        if operation == "maxpool3x3":
            outputs.append(b.pool("maxpool", y, 3))
        else:
            outputs.append(conv(y, own, int(operation[-1])))
    sources = cell[-1][1]
    feeding = [outputs[source] for source in sources if source]
    y = b.concat(feeding) if len(feeding) > 1 else feeding[0] if feeding else -1
    if 0 not in sources:
        return y
    projection = conv(x, width, 1)
    return b.add([y, projection]) if feeding else projection


def _cut(b: GraphBuilder, x: int, channels: int) -> int:
    """Return the first ``channels`` channels of ``x``."""
    height, width, before = b.shape(x)
    if before == channels:
        return x
    single = TensorType("int64", (1,))
    starts, ends, axes = (Literal(single, (value,)) for value in (0, channels, 1))
    definition = Definition(
        "Slice",
        (Operand(map_type(b.shape(x))), starts, ends, axes),
        (map_type((height, width, channels)),),
    )
    return b.fixed("slice", [x], definition, (height, width, before), (height, width, channels))
