"""Positions for drawings of acyclic graphs: layers from top to bottom, folded into columns.

Layers, the order within them and horizontal positions come from grandalf's Sugiyama layout. Deep
networks would be one long strip, so the layers are then cut into columns at places that few edges
cross, such that the whole picture has about the shape of a page. Units are pixels, y grows
downwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Piece = list[Point]

LAYER_GAP = 16.0
NODE_GAP = 14.0
LANE = 7.0
GUTTER = 34.0
_DUMMY_WIDTH = 6.0
_MOST_COLUMNS = 16


@dataclass(frozen=True)
class Layout:
    """Where nodes and edges lie.

    centres : (n, 2) x, y of the middle of each node
    edges   : per distinct (source, target) pair its pieces; a piece of two points is a smooth curve
              with vertical ends, a longer one a polyline (the way from one column to the next)
    width, height : extent; the smallest coordinates are zero
    columns : number of columns
    """

    centres: NDArray[np.float64]
    edges: dict[tuple[int, int], list[Piece]]
    width: float
    height: float
    columns: int


@dataclass
class _Slot:
    """A node or the passage of a long edge in one layer."""

    x: float
    width: float
    height: float
    node: int | None


@dataclass
class _Layers:
    """Graph before folding: slots by layer, and every edge's slots from top to bottom."""

    layers: list[list[_Slot]]
    chains: dict[tuple[int, int], list[tuple[int, _Slot]]]


def layered_layout(
    sizes: NDArray[np.floating], edges: Iterable[tuple[int, int]], *, aspect: float = 1.5
) -> Layout:
    """Return the layout of a graph whose nodes have ``sizes``.

    sizes  : (n, 2) width and height of each node
    edges  : (source, target) pairs of an acyclic graph; repeated pairs are drawn once
    aspect : width / height aimed at; a graph that is flatter than this is not folded
    """
    pairs = sorted(set(edges))
    if not len(sizes):
        return Layout(np.zeros((0, 2)), {}, 0.0, 0.0, 0)
    layered = _layered(sizes, pairs)
    heights = [max(slot.height for slot in layer) for layer in layered.layers]
    cuts = _cuts(layered, heights, aspect)
    return _fold(layered, heights, cuts, len(sizes))


def _layered(sizes: NDArray[np.floating], pairs: Sequence[tuple[int, int]]) -> _Layers:
    """Run grandalf on every connected component and put the components side by side."""
    from grandalf.graphs import Edge, Vertex
    from grandalf.layouts import SugiyamaLayout, VertexViewer

    vertices = [Vertex(node) for node in range(len(sizes))]
    for vertex, (width, height) in zip(vertices, sizes.tolist(), strict=True):
        vertex.view = VertexViewer(width, height)
    lines = [Edge(vertices[source], vertices[target]) for source, target in pairs]
    result = _Layers([], {})
    left = 0.0
    for component in sorted(
        _ordered_graph()(vertices, lines).C, key=lambda part: min(v.data for v in part.sV)
    ):
        sugiyama = SugiyamaLayout(component)
        sugiyama.dw, sugiyama.xspace = _DUMMY_WIDTH, NODE_GAP
        roots = sorted((v for v in component.sV if not v.e_in()), key=lambda v: v.data)
        sugiyama.init_all(roots=roots, inverted_edges=[])
        sugiyama.draw()
        left = _add_component(result, sugiyama, left)
    return result


def _ordered_graph() -> type:
    """Return grandalf's class of graphs with edges in a fixed order: it keeps them as a set of
    objects, ordered by where in memory they lie.
    """
    from grandalf.graphs import Graph, graph_core

    class Component(graph_core):  # type: ignore[misc]
        def __init__(self, V: Any = (), E: Any = (), directed: bool = True) -> None:
            super().__init__(V, sorted(E, key=lambda e: (e.v[0].data, e.v[1].data)), directed)

    return type("OrderedGraph", (Graph,), {"component_class": Component})


def _add_component(result: _Layers, sugiyama: object, left: float) -> float:
    """Add a finished grandalf layout at ``left``; return where the next component begins."""
    slots: dict[int, _Slot] = {}
    rows = sugiyama.layers  # type: ignore[attr-defined]
    offset = left - min(v.view.xy[0] - v.view.w / 2 for row in rows for v in row)
    right = left
    for depth, row in enumerate(rows):
        if depth == len(result.layers):
            result.layers.append([])
        for vertex in row:
            node = getattr(vertex, "data", None)
            height = 0.0 if node is None else vertex.view.h
            slot = _Slot(vertex.view.xy[0] + offset, vertex.view.w, height, node)
            slots[id(vertex)] = slot
            result.layers[depth].append(slot)
            right = max(right, slot.x + slot.width / 2)
    ranks = sugiyama.grx  # type: ignore[attr-defined]
    for edge in sugiyama.g.E():  # type: ignore[attr-defined]
        source, target = edge.v
        ends = {ranks[source].rank: source, ranks[target].rank: target}
        chain = {**sugiyama.ctrls.get(edge, {}), **ends}  # type: ignore[attr-defined]
        result.chains[source.data, target.data] = [
            (rank, slots[id(chain[rank])]) for rank in sorted(chain)
        ]
    return right + 2 * NODE_GAP


def _cuts(layered: _Layers, heights: Sequence[float], aspect: float) -> list[int]:
    """Return the first layer of each column, and the number of layers at the end.

    The number of columns is the one whose picture comes closest to ``aspect``.
    """
    crossing = _crossings(layered)
    best, least = [0, len(heights)], inf
    for n_columns in range(1, _MOST_COLUMNS + 1):
        cuts = _cuts_for(n_columns, heights, crossing)
        width = sum(_span(layered, part) + GUTTER for part in pairwise(cuts))
        height = max(sum(heights[a:b]) + LAYER_GAP * (b - a) for a, b in pairwise(cuts))
        distance = abs(log(width / height / aspect))
        if distance < least:
            best, least = cuts, distance
    return best


def _cuts_for(n_columns: int, heights: Sequence[float], crossing: Sequence[int]) -> list[int]:
    """Return cuts near the borders of ``n_columns`` equal columns, where few edges cross."""
    tops = np.concatenate([[0.0], np.cumsum(np.asarray(heights) + LAYER_GAP)])
    step = tops[-1] / n_columns
    cuts = [0]
    for column in range(1, n_columns):
        away = np.abs(tops - column * step)
        near = [k for k in range(cuts[-1] + 1, len(heights)) if away[k] <= 0.2 * step]
        if near:
            cuts.append(min((crossing[k], away[k], k) for k in near)[2])
    return [*cuts, len(heights)]


def _span(layered: _Layers, part: tuple[int, int]) -> float:
    """Return the width of the layers from ``part[0]`` to before ``part[1]``."""
    slots = [slot for layer in layered.layers[slice(*part)] for slot in layer]
    left = min(slot.x - slot.width / 2 for slot in slots)
    return max(slot.x + slot.width / 2 for slot in slots) - left


def _crossings(layered: _Layers) -> list[int]:
    """Return for each layer how many distinct sources send edges into it or past it from above."""
    sources: list[set[int]] = [set() for _ in layered.layers]
    for (source, _), chain in layered.chains.items():
        for rank, _slot in chain[1:]:
            sources[rank].add(source)
    return [len(group) for group in sources]


@dataclass
class _Folding:
    """Geometry of the columns.

    column, top, height   : per layer
    bottom, right, lanes  : per column: lower and right edge, number of ways to the next column
    """

    column: list[int]
    top: list[float]
    height: Sequence[float]
    bottom: list[float]
    right: list[float]
    lanes: list[int]

    def upper(self, slot: _Slot, layer: int) -> Point:
        """Return where an edge enters ``slot``; long edges pass through the whole layer."""
        inset = 0.0 if slot.node is None else (self.height[layer] - slot.height) / 2
        return slot.x, self.top[layer] + inset

    def lower(self, slot: _Slot, layer: int) -> Point:
        """Return where an edge leaves ``slot``."""
        inset = 0.0 if slot.node is None else (self.height[layer] - slot.height) / 2
        return slot.x, self.top[layer] + self.height[layer] - inset


def _fold(layered: _Layers, heights: Sequence[float], cuts: Sequence[int], n: int) -> Layout:
    """Place the columns beside each other (slots are moved) and route all edges."""
    crossing = _crossings(layered)
    lanes = [crossing[cut] for cut in cuts[1:-1]] + [0]
    margin = LANE * max(lanes) + LAYER_GAP if len(lanes) > 1 else 0.0
    folding = _Folding([], [], heights, [], [], lanes)
    left = 0.0
    for column, (first, last) in enumerate(pairwise(cuts)):
        slots = [slot for layer in layered.layers[first:last] for slot in layer]
        shift = left - min(slot.x - slot.width / 2 for slot in slots)
        for slot in slots:
            slot.x += shift
        y = margin
        for layer in range(first, last):
            folding.column.append(column)
            folding.top.append(y)
            y += heights[layer] + LAYER_GAP
        folding.bottom.append(y - LAYER_GAP)
        folding.right.append(max(slot.x + slot.width / 2 for slot in slots))
        left = folding.right[-1] + GUTTER + LANE * lanes[column]
    centres = np.zeros((n, 2))
    for layer, row in enumerate(layered.layers):
        for slot in row:
            if slot.node is not None:
                centres[slot.node] = slot.x, folding.top[layer] + heights[layer] / 2
    height = max(folding.bottom) + margin
    return Layout(centres, _route(layered, folding), folding.right[-1], height, len(lanes))


def _route(layered: _Layers, folding: _Folding) -> dict[tuple[int, int], list[Piece]]:
    """Return the pieces of every edge; edges of one source share a lane between columns.

    Lanes are given from right to left, so that ways to the next column do not cross.
    """
    lane_of: dict[tuple[int, int], int] = {}
    used = [0] * len(folding.lanes)
    edges: dict[tuple[int, int], list[Piece]] = {}
    links: list[list[tuple[_Slot, _Slot, tuple[int, int]]]] = [[] for _ in layered.layers]
    for pair, chain in layered.chains.items():
        for (rank, above), (_, below) in pairwise(chain):
            links[rank].append((above, below, pair))
    for rank, row in enumerate(links):
        for above, below, pair in sorted(row, key=lambda link: (-link[0].x, link[2])):
            pieces = edges.setdefault(pair, [])
            start, end = folding.lower(above, rank), folding.upper(below, rank + 1)
            if above.node is None:
                pieces.append([folding.upper(above, rank), start])
            column = folding.column[rank]
            if column == folding.column[rank + 1]:
                pieces.append([start, end])
                continue
            if (column, pair[0]) not in lane_of:
                lane_of[column, pair[0]] = used[column]
                used[column] += 1
            pieces.append(_link(start, end, folding, column, lane_of[column, pair[0]]))
    return edges


def _link(start: Point, end: Point, folding: _Folding, column: int, lane: int) -> Piece:
    """Return the way from the foot of one column through the gutter to the head of the next."""
    low = folding.bottom[column] + LAYER_GAP / 2 + LANE * lane
    gutter = folding.right[column] + GUTTER / 2 + LANE * lane
    high = min(folding.top) - LAYER_GAP / 2 - LANE * (folding.lanes[column] - 1 - lane)
    return [start, (start[0], low), (gutter, low), (gutter, high), (end[0], high), end]
