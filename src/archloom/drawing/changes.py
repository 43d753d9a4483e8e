"""What changed from a graph to its child: nodes kept, removed, added, and with other attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from archloom.drawing.collapse import find
from archloom.drawing.node_text import op_text
from archloom.graph import OPS, Graph, Merge

KEPT, REMOVED, ADDED, CHANGED = range(4)

_ATTRIBUTES = ("resolution", "kernel", "stride", "dilation", "padding", "pads", "bias")
_KINDS_SHOWN = 6


@dataclass(frozen=True)
class Region:
    """A connected replacement: nodes of the parent that left, nodes of the child that came."""

    removed: tuple[int, ...]
    added: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Changes:
    """Result of ``compare``.

    match         : (n_parent,) int64; the child's node for each node of the parent, -1 for removed
    parent_status : (n_parent,) int8 of KEPT, REMOVED, CHANGED
    child_status  : (n_child,) int8 of KEPT, ADDED, CHANGED
    rewired       : matched nodes (parent's index) that read from other matched nodes than before
    """

    parent: Graph
    child: Graph
    match: NDArray[np.int64]
    parent_status: NDArray[np.int8]
    child_status: NDArray[np.int8]
    rewired: tuple[int, ...]

    @property
    def regions(self) -> list[Region]:
        """The replacements, in the order of the parent's nodes."""
        return _regions(self)

    def summary(self, limit: int = 8) -> list[str]:
        """Return at most ``limit`` + 1 lines such as "- conv 3×3 → + conv 1×1, relu"."""
        lines = [self._region_line(region) for region in self.regions]
        lines += self._attribute_lines()
        if len(lines) > limit:
            lines = [*lines[:limit], f"… and {len(lines) - limit} more changes"]
        return lines

    def _region_line(self, region: Region) -> str:
        """Return one replacement in words."""
        sides = [
            f"{sign} {_listing(graph, nodes)}"
            for sign, graph, nodes in (
                ("-", self.parent, region.removed),
                ("+", self.child, region.added),
            )
            if nodes
        ]
        return " → ".join(sides)

    def _attribute_lines(self) -> list[str]:
        """Return lines on matched nodes whose attributes or inputs differ."""
        texts: Counter[str] = Counter()
        sizes = 0
        for node in np.flatnonzero(self.parent_status == CHANGED).tolist():
            before, after = op_text(self.parent, node), op_text(self.child, int(self.match[node]))
            if before != after:
                texts[f"{before} → {after}"] += 1
            elif not _same(self.parent, node, self.child, int(self.match[node])):
                sizes += 1
        lines = [f"~ {f'{count} × ' if count > 1 else ''}{text}" for text, count in texts.items()]
        if sizes:
            lines.append(f"~ {_nodes(sizes)} with another size, channels, padding or bias")
        if self.rewired:
            lines.append(f"~ {_nodes(len(self.rewired))} with other inputs")
        return lines


def compare(parent: Graph, child: Graph) -> Changes:
    """Return what changed from ``parent`` to ``child``.

    Nodes with the same stable id and operation are the same node. When the ids say little (fewer
    than half of the edges survive, as between files that number their nodes anew), the sequences
    of operations and kernels are aligned instead if that keeps more edges.
    """
    match = _match_by_ids(parent, child)
    kept_edges = _kept_edges(parent, child, match)
    if 2 * kept_edges < parent.n_edges or (match < 0).all():
        aligned = _match_by_sequence(parent, child)
        if _kept_edges(parent, child, aligned) > kept_edges or (match < 0).all():
            match = aligned
    return _classified(parent, child, match)


def _match_by_ids(parent: Graph, child: Graph) -> NDArray[np.int64]:
    """Return the match of nodes with equal id and operation."""
    position = {node_id: node for node, node_id in enumerate(child.ids.tolist())}
    match = np.full(parent.n_nodes, -1, dtype=np.int64)
    for node, node_id in enumerate(parent.ids.tolist()):
        other = position.get(node_id, -1)
        if other >= 0 and parent.op[node] == child.op[other]:
            match[node] = other
    return match


def _match_by_sequence(parent: Graph, child: Graph) -> NDArray[np.int64]:
    """Return the match of a longest-blocks alignment of operations and kernels in order."""
    before, after = (
        [(int(graph.op[node]), *graph.kernel[node].tolist()) for node in graph.order.tolist()]
        for graph in (parent, child)
    )
    match = np.full(parent.n_nodes, -1, dtype=np.int64)
    for block in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        match[parent.order[block.a : block.a + block.size]] = child.order[
            block.b : block.b + block.size
        ]
    return match


def _kept_edges(parent: Graph, child: Graph, match: NDArray[np.int64]) -> int:
    """Return how many edges of the parent are edges of the child under ``match``."""
    edges = set(map(tuple, child.edges.tolist()))
    return sum((source, target) in edges for source, target in match[parent.edges].tolist())


def _classified(parent: Graph, child: Graph, match: NDArray[np.int64]) -> Changes:
    """Return the changes that follow from a match."""
    parent_status = np.full(parent.n_nodes, REMOVED, dtype=np.int8)
    child_status = np.full(child.n_nodes, ADDED, dtype=np.int8)
    rewired = []
    back = {int(other): node for node, other in enumerate(match.tolist()) if other >= 0}
    for node in np.flatnonzero(match >= 0).tolist():
        other = int(match[node])
        moved = _inputs(parent, node, match) != _inputs(child, other, None, back)
        if moved:
            rewired.append(node)
        same = not moved and _same(parent, node, child, other)
        parent_status[node] = child_status[other] = KEPT if same else CHANGED
    return Changes(parent, child, match, parent_status, child_status, tuple(rewired))


def _same(parent: Graph, node: int, child: Graph, other: int) -> bool:
    """Return whether two matched nodes agree in every attribute."""
    return all(
        np.array_equal(getattr(parent, name)[node], getattr(child, name)[other])
        for name in _ATTRIBUTES
    )


def _inputs(
    graph: Graph, node: int, match: NDArray[np.int64] | None, back: dict[int, int] | None = None
) -> list[int]:
    """Return the matched inputs of ``node`` as the parent's nodes; order counts for concat only."""
    before = graph.predecessors(node).tolist()
    if match is not None:
        kept = [other for other in before if match[other] >= 0]
    else:
        kept = [(back or {})[other] for other in before if other in (back or {})]
    return kept if OPS.by_code(int(graph.op[node])).merge == Merge.CONCAT else sorted(kept)


def _regions(changes: Changes) -> list[Region]:
    """Join removed and added nodes that touch each other or hang on the same kept node."""
    parent, child = changes.parent, changes.child
    offset = parent.n_nodes
    root = list(range(offset + child.n_nodes))
    anchors: dict[tuple[int, bool], int] = {}
    kept_of_child = {int(other): node for node, other in enumerate(changes.match) if other >= 0}
    for graph, shift, left in (
        (parent, 0, changes.parent_status == REMOVED),
        (child, offset, changes.child_status == ADDED),
    ):
        for source, target in graph.edges.tolist():
            if left[source] and left[target]:
                root[find(root, source + shift)] = find(root, target + shift)
            elif left[source] or left[target]:
                inside, outside = (source, target) if left[source] else (target, source)
                kept = outside if graph is parent else kept_of_child[outside]
                first = anchors.setdefault((kept, bool(left[source])), inside + shift)
                root[find(root, inside + shift)] = find(root, first)
    return _collect(changes, root)


def _collect(changes: Changes, root: list[int]) -> list[Region]:
    """Return the regions of a finished union-find forest, nodes in topological order."""
    offset = changes.parent.n_nodes
    found: dict[int, tuple[list[int], list[int]]] = {}
    for node in changes.parent.order.tolist():
        if changes.parent_status[node] == REMOVED:
            found.setdefault(find(root, node), ([], []))[0].append(node)
    for node in changes.child.order.tolist():
        if changes.child_status[node] == ADDED:
            found.setdefault(find(root, node + offset), ([], []))[1].append(node)
    return [Region(tuple(removed), tuple(added)) for removed, added in found.values()]


def _listing(graph: Graph, nodes: Iterable[int]) -> str:
    """Return "2 conv 3×3, relu"."""
    counts = Counter(op_text(graph, node) for node in nodes)
    words = [f"{count} {text}" if count > 1 else text for text, count in counts.items()]
    if len(words) > _KINDS_SHOWN:
        words = [*words[:_KINDS_SHOWN], f"{len(words) - _KINDS_SHOWN} more kinds"]
    return ", ".join(words)


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"
