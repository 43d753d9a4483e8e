"""Source regions: the parts of a parent that a mutation may replace (AutoGO spec 5.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, node_flops, output_shapes
from archloom.segments.interface import Shapes, as_shapes
from archloom.segments.tokeniser import Segmentation

FIXED_OPS = ("input", "output", "mean", "global", "matmul")
"""Operations that a mutation never replaces."""


@dataclass(frozen=True, eq=False)
class Region:
    """A run of positions of a parent's node order, and how it meets the rest.

    start, stop   positions in the order; 0 < start < stop < n
    nodes         (k,) the nodes, in order
    producers     (i,) outside producer of each edge that enters, in edge order
    values        (o,) inside nodes whose output leaves, in order
    inputs        (i,) shapes (H, W, C) that enter, one per entering edge
    outputs       (o,) shapes (H, W, C) that leave, one per value
    """

    start: int
    stop: int
    nodes: NDArray[np.int32]
    producers: NDArray[np.int32]
    values: NDArray[np.int32]
    inputs: NDArray[np.int32]
    outputs: NDArray[np.int32]

    @property
    def interface(self) -> tuple[Shapes, Shapes]:
        """The multisets of entering and leaving shapes as sorted tuples."""
        return as_shapes(self.inputs), as_shapes(self.outputs)


def find_regions(
    graph: Graph,
    segmentation: Segmentation,
    permitted: NDArray[np.bool_],
    *,
    consecutive: int,
    limit: int,
    rng: np.random.Generator,
) -> list[Region]:
    """Return at most ``limit`` regions: the half with the fewest FLOPs and a random half of the
    others.

    A region is 1 to ``consecutive`` neighbouring groups, never the first nor the last group, of
    permitted operations only, without fixed nodes and grouped convolutions. ``permitted`` is
    (len(OPS),) by op code.
    """
    ranges = _ranges(graph, segmentation, permitted, consecutive)
    if len(ranges) > limit:
        cost = np.concatenate([[0], np.cumsum(node_flops(graph)[segmentation.order])])
        by_cost = np.argsort(cost[ranges[:, 1]] - cost[ranges[:, 0]], kind="stable")
        cheap, others = by_cost[: limit // 2], by_cost[limit // 2 :]
        chosen = np.concatenate([cheap, rng.choice(others, size=limit - len(cheap), replace=False)])
        ranges = ranges[np.sort(chosen)]
    return _describe(graph, segmentation.order, ranges)


def single_node_regions(
    graph: Graph,
    segmentation: Segmentation,
    permitted: NDArray[np.bool_],
    *,
    limit: int,
    rng: np.random.Generator,
) -> list[Region]:
    """Return regions of one node each (op unit); convolutions that change channels or resolution
    are left alone. ``permitted`` is (len(OPS),) by op code.
    """
    size = graph.resolution
    changes = (size[:, 0] != size[:, 1]) | (size[:, 2] != size[:, 3]) | (size[:, 4] != size[:, 5])
    fixed = changes & (graph.op == OPS.code("conv"))
    regions = find_regions(
        graph, segmentation, permitted, consecutive=1, limit=graph.n_nodes, rng=rng
    )
    free = [region for region in regions if not fixed[region.nodes[0]]]
    if len(free) <= limit:
        return free
    return [free[i] for i in np.sort(rng.choice(len(free), size=limit, replace=False))]


def _ranges(
    graph: Graph, segmentation: Segmentation, permitted: NDArray[np.bool_], consecutive: int
) -> NDArray[np.int64]:
    """Return ``(r, 2)`` start and stop positions of all admissible regions."""
    allowed = permitted.copy()
    allowed[[OPS.code(name) for name in FIXED_OPS]] = False
    untouchable = ~allowed[graph.op] | graph.is_fixed | (graph.groups > 1)
    refused = np.concatenate([[0], np.cumsum(untouchable[segmentation.order])])
    starts = segmentation.starts.astype(np.int64)
    last = segmentation.n_groups - 1
    pairs = [
        np.stack([starts[1 : last + 1 - length], starts[1 + length : last + 1]], axis=1)
        for length in range(1, consecutive + 1)
        if last - length > 0
    ]
    ranges = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.int64)
    return ranges[refused[ranges[:, 1]] == refused[ranges[:, 0]]]


def _describe(graph: Graph, order: NDArray[np.int32], ranges: NDArray[np.int64]) -> list[Region]:
    """Return the regions of position ``ranges`` with their interfaces."""
    position = np.empty(graph.n_nodes, dtype=np.int64)
    position[order] = np.arange(graph.n_nodes)
    source, target = position[graph.in_src], position[graph.edge_dst]
    out_shape = output_shapes(graph)
    regions = []
    for start, stop in ranges.tolist():
        entering = (source < start) & (target >= start) & (target < stop)
        leaving = (source >= start) & (source < stop) & (target >= stop)
        producers = graph.in_src[entering]
        values = order[np.unique(source[leaving])]
        region = Region(
            start,
            stop,
            order[start:stop],
            producers,
            values,
            out_shape[producers],
            out_shape[values],
        )
        regions.append(region)
    return regions
