"""Stitching: put a replacement segment into a parent in place of a region (AutoGO spec 5.6).

Additions, products and concatenations left with a single operand are bridged away. Nothing is
copied but arrays, and the parts of the parent that stay are prepared once per region.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, assemble
from archloom.graph.graph import NODE_FIELDS
from archloom.search.graphs.regions import Region

MERGES = frozenset(OPS.code(name) for name in ("add", "mul", "concat"))
"""Operations that mean nothing with a single operand."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """Which value enters which source of a replacement, and which sink gives which leaving value.

    inputs    (i,) index into ``Region.producers`` for each source, sources in ascending node order
    outputs   (o,) index of the sink (ascending node order) for each of ``Region.values``
    """

    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]


class Closure:
    """A replacement segment without single-operand merges; depends on its structure only.

    Endpoints are node numbers of ``kept``, or ``-1 - i`` for whatever enters source i.

    kept         (k,) nodes of the segment that stay
    edges        (e, 2) source endpoint and kept target
    exits        (o,) endpoint of each sink, sinks in ascending node order
    """

    def __init__(self, segment: Graph) -> None:
        operands: dict[int, list[int]] = {
            node: segment.predecessors(node).tolist() for node in range(segment.n_nodes)
        }
        for index, node in enumerate(segment.sources.tolist()):
            operands[node] = [-1 - index]
        stands_for: dict[int, int] = {}
        for node in segment.order.tolist():
            operands[node] = [stands_for.get(before, before) for before in operands[node]]
            if int(segment.op[node]) in MERGES and len(operands[node]) == 1:
                stands_for[node] = operands[node][0]
        kept = [node for node in range(segment.n_nodes) if node not in stands_for]
        number = {node: position for position, node in enumerate(kept)}
        edges = [
            (number.get(operand, operand), position)
            for position, node in enumerate(kept)
            for operand in operands[node]
        ]
        exits = [stands_for.get(node, node) for node in segment.sinks.tolist()]
        self.kept = np.array(kept, dtype=np.int64)
        self.edges = np.array(edges, dtype=np.int64).reshape(-1, 2)
        self.exits = np.array([number.get(node, node) for node in exits], dtype=np.int64)


class Opening:
    """A parent with one region cut out, ready to receive replacements."""

    def __init__(self, parent: Graph, region: Region) -> None:
        self.parent, self.region = parent, region
        self._stays = np.ones(parent.n_nodes, dtype=np.bool_)
        self._stays[region.nodes] = False

    @cached_property
    def _outer(self) -> dict[str, NDArray[Any]]:
        """Per-node arrays of what stays."""
        return {field: getattr(self.parent, field)[self._stays] for field in NODE_FIELDS}

    @cached_property
    def _number(self) -> NDArray[np.int64]:
        """(n,) new number of each parent node that stays; -1 - j for the j-th leaving value."""
        number = np.cumsum(self._stays) - 1
        number[self.region.values] = -1 - np.arange(len(self.region.values))
        return number

    @cached_property
    def _outer_edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sources (-1 - j: the j-th leaving value) and targets of the edges into what stays, in
        operand order.
        """
        inside = self._stays[self.parent.edge_dst]
        return self._number[self.parent.in_src[inside]], self._number[self.parent.edge_dst[inside]]

    def fill(
        self, segment: Graph, closure: Closure, wiring: Wiring, *, first_id: int, name: str = ""
    ) -> Graph:
        """Return the child: ``segment`` (shapes fitted already) wired into the opening.

        New nodes get the ids ``first_id``, ``first_id + 1``, ... The child is not checked.
        """
        outer_source, outer_target = self._outer_edges
        n_outer = self.parent.n_nodes - len(self.region.nodes)
        entering = self._number[self.region.producers[wiring.inputs]]
        inner_source = _resolve(closure.edges[:, 0], entering, n_outer)
        leaving = _resolve(closure.exits, entering, n_outer)[wiring.outputs]
        source = np.concatenate(
            [
                np.where(outer_source < 0, leaving[np.maximum(-1 - outer_source, 0)], outer_source),
                inner_source,
            ]
        )
        target = np.concatenate([outer_target, closure.edges[:, 1] + n_outer])
        arrays = {
            field: np.concatenate([outer, getattr(segment, field)[closure.kept]])
            for field, outer in self._outer.items()
        }
        arrays["ids"][n_outer:] = first_id + np.arange(len(closure.kept))
        return assemble(
            arrays,
            source,
            target,
            name=name,
            family=self.parent.family,
            definitions=self.parent.definitions,
            ends=self.parent.ends,
            shared=self.parent.shared,
        )


def _resolve(
    endpoints: NDArray[np.int64], entering: NDArray[np.int64], n_outer: int
) -> NDArray[np.int64]:
    """Return child node numbers of the endpoints of a closure."""
    return np.where(endpoints < 0, entering[np.maximum(-1 - endpoints, 0)], endpoints + n_outer)
