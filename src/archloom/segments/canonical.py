"""Canonical forms of segments: isomorphic segments become equal bytes.

Nodes are told apart by colour refinement from their labels (Weisfeiler-Lehman, directed). Where
that leaves ties, the first tied node is singled out and refinement goes on. When tied nodes can be
swapped by a symmetry, as in all but contrived segments, any choice gives the same form. In the
other case two forms of one segment may differ; equal forms always mean isomorphic segments, and
``archloom.segments.dedup`` compares different forms with equal hashes exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from archloom.segments.pattern import NODE, STATE, Pattern


def canonical_form(pattern: Pattern) -> Pattern:
    """Return ``pattern`` in canonical node order (topological; parents before children).

    The topology alone decides the order. States only break its ties, so all instances of a
    topology come out with the same ``nodes`` and ``edges``.
    """
    order, is_discrete = _topology_order(pattern.nodes, pattern.edges)
    if not is_discrete:
        pattern = pattern.reordered(_instance_order(pattern))
        order, _ = _topology_order(pattern.nodes, pattern.edges)
    return pattern.reordered(order)


@lru_cache(maxsize=1 << 14)
def _topology_order(nodes: bytes, edges: bytes) -> tuple[tuple[int, ...], bool]:
    """Return the canonical order by topology, and whether refinement alone settled it."""
    pattern = Pattern(nodes, edges, b"")
    before = pattern.predecessors()
    labels = list(zip(_depths(before), _rows(nodes, NODE.itemsize), strict=True))
    return refined_order(labels, before)


def _instance_order(pattern: Pattern) -> tuple[int, ...]:
    """Return the canonical order by topology and states."""
    before = pattern.predecessors()
    rows = (_rows(pattern.nodes, NODE.itemsize), _rows(pattern.states, STATE.itemsize))
    return refined_order(list(zip(_depths(before), *rows, strict=True)), before)[0]


def refined_order(
    labels: Sequence[Any], predecessors: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], bool]:
    """Return node indices by refined colour, and whether no tie had to be broken.

    labels : one sortable label per node, all of one type; earlier labels come first in the order
    """
    successors: list[list[int]] = [[] for _ in labels]
    for node, parents in enumerate(predecessors):
        for parent in parents:
            successors[parent].append(node)
    colours = _refined(_ranks(labels), predecessors, successors)
    is_discrete = len(set(colours)) == len(colours)
    while len(set(colours)) < len(colours):
        tied = min(colour for colour in colours if colours.count(colour) > 1)
        colours = [2 * colour + 1 for colour in colours]
        colours[colours.index(2 * tied + 1)] -= 1
        colours = _refined(_ranks(colours), predecessors, successors)
    return tuple(sorted(range(len(colours)), key=colours.__getitem__)), is_discrete


def _refined(
    colours: list[int], predecessors: Sequence[Sequence[int]], successors: Sequence[Sequence[int]]
) -> list[int]:
    """Return colours split by the colours of neighbours until nothing changes."""
    n_colours = len(set(colours))
    while n_colours < len(colours):
        split = _ranks(
            [
                (
                    colour,
                    sorted(colours[parent] for parent in predecessors[node]),
                    sorted(colours[child] for child in successors[node]),
                )
                for node, colour in enumerate(colours)
            ]
        )
        if len(set(split)) == n_colours:
            break
        colours, n_colours = split, len(set(split))
    return colours


def _ranks(values: Sequence[Any]) -> list[int]:
    """Return the rank of each value among the distinct values."""
    rank = -1
    last: Any = None
    ranks = [0] * len(values)
    for index in sorted(range(len(values)), key=values.__getitem__):
        if rank < 0 or values[index] != last:
            rank, last = rank + 1, values[index]
        ranks[index] = rank
    return ranks


def _depths(predecessors: Sequence[Sequence[int]]) -> list[int]:
    """Return the longest path to each node; nodes must be in topological order."""
    depths: list[int] = []
    for parents in predecessors:
        depths.append(1 + max((depths[parent] for parent in parents), default=-1))
    return depths


def _rows(data: bytes, width: int) -> list[bytes]:
    """Return ``data`` cut into rows of ``width`` bytes."""
    return [data[at : at + width] for at in range(0, len(data), width)]
