"""Random graphs for property tests: ``networks()`` and ``segments()`` give valid graphs of every op
with a builder method, and ``renumbered`` permutes one.
"""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from archloom.graph import Graph, GraphBuilder
from archloom.graph.graph import ARRAY_FIELDS

UNARY = ("relu", "relu6", "batchnorm", "sigmoid", "tanh", "swish", "gelu", "identity", "zero")
NAMES = st.text(max_size=8)


@st.composite
def networks(draw: st.DrawFn, max_steps: int = 12) -> Graph:
    """A random network: one input, one output, stored shapes that ``check`` accepts."""
    b = GraphBuilder(name=draw(NAMES), family=draw(NAMES))
    size = st.integers(3, 12)
    nodes = [b.input(draw(size), draw(size), draw(st.integers(1, 6)))]
    for _ in range(draw(st.integers(0, max_steps))):
        nodes.append(_step(draw, b, nodes))
    pooled = [b.unary("mean", node) for node in _ends(b)]
    b.output(b.matmul(b.concat(pooled) if len(pooled) > 1 else pooled[0], draw(st.integers(1, 10))))
    graph = b.build()
    first, stride = draw(st.integers(0, 2**40)), draw(st.sampled_from([-1, 1, 3]))
    return graph.replace(ids=first + stride * graph.ids)


@st.composite
def segments(draw: st.DrawFn) -> Graph:
    """A random node-induced part of a network, possibly in several pieces, at least one node."""
    graph = draw(networks())
    kept = draw(st.sets(st.integers(0, graph.n_nodes - 1), min_size=1))
    return graph.subgraph(sorted(kept), name=draw(NAMES))


@st.composite
def renumbered_networks(draw: st.DrawFn) -> tuple[Graph, Graph]:
    """A network and the same one with its nodes in another order."""
    graph = draw(networks())
    return graph, renumbered(graph, draw(st.permutations(range(graph.n_nodes))))


def renumbered(graph: Graph, order: Sequence[int]) -> Graph:
    """``graph`` with node ``order[i]`` at position i."""
    return graph.subgraph(order, name=graph.name).replace(family=graph.family)


def assert_identical(found: Graph, wanted: Graph) -> None:
    """Every array, the name and the family agree, bit for bit."""
    for field in ARRAY_FIELDS:
        left, right = getattr(found, field), getattr(wanted, field)
        assert left.dtype == right.dtype, field
        np.testing.assert_array_equal(left, right, err_msg=field)
        assert not left.flags.writeable, field
    assert (found.name, found.family) == (wanted.name, wanted.family)


def _ends(b: GraphBuilder) -> list[int]:
    graph = b.build()
    return graph.sinks.tolist()


def _step(draw: st.DrawFn, b: GraphBuilder, nodes: Sequence[int]) -> int:
    x = draw(st.sampled_from(nodes))
    kind = draw(st.sampled_from(["conv", "depthwise", "pool", "unary", "merge", "concat"]))
    if kind == "unary":
        return b.unary(draw(st.sampled_from(UNARY)), x)
    if kind == "merge":
        alike = [node for node in nodes if b.shape(node) == b.shape(x)]
        others = draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2))
        return b.merge(draw(st.sampled_from(["add", "mul"])), [x, *others])
    if kind == "concat":
        alike = [node for node in nodes if b.shape(node)[:2] == b.shape(x)[:2]]
        return b.concat([x, draw(st.sampled_from(alike))])
    return _window(draw, b, x, kind)


def _window(draw: st.DrawFn, b: GraphBuilder, x: int, kind: str) -> int:
    height, width, _ = b.shape(x)
    kernel = (draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width))))
    stride = draw(st.sampled_from([1, 1, 2, (2, 1)]))
    padding = draw(st.sampled_from(["same", "same", "valid", 1, (0, 1, 1, 0)]))
    if kind == "pool":
        return b.pool(draw(st.sampled_from(["maxpool", "avgpool"])), x, kernel, stride, padding)
    bias = draw(st.booleans())
    if kind == "depthwise":
        return b.depthwise(x, kernel, stride, padding=padding, bias=bias)
    channels = draw(st.integers(1, 8))
    return b.conv(x, channels, kernel, stride, padding=padding, bias=bias)
