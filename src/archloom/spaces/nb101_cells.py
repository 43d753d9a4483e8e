"""The cells of NAS-Bench-101 (GENNAPE spec 2.1), one of every isomorphism class: 423,624.

A cell of V vertices (2 to 7, at most nine edges) is here a pair of whole numbers. ``mask`` has one
bit per possible edge, in the order (0, 1), (0, 2), ..., (V - 2, V - 1), bit 0 first; ``labels`` has
the operation of interior vertex v as the digit of 3^(v - 1).

The whole space is found in two vectorised steps: shapes (unlabelled graphs) up to isomorphism, then
all labellings of one of each. Isomorphism is decided as in the benchmark, by as many rounds of
colour refinement over predecessors and successors as there are vertices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archloom.graph.hashing import mix

MAX_VERTICES = 7
MAX_EDGES = 9
N_OPERATIONS = 3

_ABOVE = np.uint64(0x9E3779B97F4A7C15)
_BELOW = np.uint64(0xC2B2AE3D27D4EB4F)


def edges_of(vertices: int) -> list[tuple[int, int]]:
    """Return the possible edges of ``vertices`` vertices, in the order of the bits of a mask."""
    return [(i, j) for i in range(vertices) for j in range(i + 1, vertices)]


@lru_cache(maxsize=1)
def all_cells() -> NDArray[np.int64]:
    """Return ``(423624, 3)``: vertices, mask and labels of one cell of every class, small ones
    first.
    """
    parts = [cells(vertices) for vertices in range(2, MAX_VERTICES + 1)]
    table = np.concatenate([np.insert(part, 0, size, axis=1) for size, part in enumerate(parts, 2)])
    table.setflags(write=False)
    return table


def cells(vertices: int) -> NDArray[np.int64]:
    """Return ``(k, 2)``: mask and labels of one cell of every class with ``vertices`` vertices.

    The cell of a class is the one with the smallest mask, then the smallest labels.
    """
    masks = _shapes(vertices)
    labels = np.arange(N_OPERATIONS ** (vertices - 2))
    mask, label = np.repeat(masks, len(labels)), np.tile(labels, len(masks))
    first = _first_of_each(_digests(mask, label, vertices))
    return np.stack([mask[first], label[first]], axis=1).astype(np.int64)


def digest(operations: Sequence[int], edges: Iterable[tuple[int, int]]) -> int:
    """Return a number that isomorphic cells share, of a cell of ``len(operations) + 2`` vertices.

    operations  of the interior vertices, by number
    edges       (source, target) with vertex 0 the input and the last one the output
    """
    vertices = len(operations) + 2
    bits = {edge: bit for bit, edge in enumerate(edges_of(vertices))}
    mask = np.array([sum(1 << bits[edge] for edge in edges)], dtype=np.uint32)
    labels = np.array([sum(op * N_OPERATIONS**place for place, op in enumerate(operations))])
    return int(_digests(mask, labels, vertices)[0])


def _shapes(vertices: int) -> NDArray[np.uint32]:
    """Return the masks of all different shapes in which every vertex lies between the first and
    the last.
    """
    edges = edges_of(vertices)
    masks = np.arange(1 << len(edges), dtype=np.uint32)
    masks = masks[np.bitwise_count(masks) <= MAX_EDGES]
    for vertex in range(vertices):
        if vertex:
            masks = masks[(masks & _bits(j == vertex for _, j in edges)) > 0]
        if vertex < vertices - 1:
            masks = masks[(masks & _bits(i == vertex for i, _ in edges)) > 0]
    return masks[_first_of_each(_digests(masks, np.zeros(len(masks), np.int64), vertices))]


def _bits(chosen: Iterable[bool]) -> np.uint32:
    return np.uint32(sum(1 << bit for bit, one in enumerate(chosen) if one))


def _first_of_each(digests: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the ascending positions at which a digest appears for the first time."""
    return np.sort(np.unique(digests, return_index=True)[1])


def _digests(
    masks: NDArray[np.uint32], labels: NDArray[np.int64], vertices: int
) -> NDArray[np.uint64]:
    """Return ``(k,)`` uint64 that isomorphic cells share."""
    edges = [
        (i, j, ((masks >> np.uint32(bit)) & np.uint32(1)).astype(np.uint64))
        for bit, (i, j) in enumerate(edges_of(vertices))
    ]
    colours = np.zeros((vertices, len(masks)), dtype=np.uint64)
    for vertex in range(1, vertices - 1):
        colours[vertex] = 1 + labels // N_OPERATIONS ** (vertex - 1) % N_OPERATIONS
    colours[-1] = 1 + N_OPERATIONS
    colours = mix(colours)
    for _ in range(vertices):
        above, below = np.zeros_like(colours), np.zeros_like(colours)
        for i, j, there in edges:
            above[j] += there * colours[i]
            below[i] += there * colours[j]
        colours = mix(colours + mix(above * _ABOVE) + mix(below * _BELOW))
    return colours.sum(axis=0, dtype=np.uint64)
