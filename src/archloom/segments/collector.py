"""Collect the segments of many graphs.

The groups of a batch are told apart by 64-bit digests of their nodes, edges and tokens, so that
only the first of equal groups is cut out and brought into canonical form, however often it occurs.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph, graph_hashes
from archloom.graph.hashing import mix
from archloom.graph.hashing import node_labels as node_digests
from archloom.segments.batch import BatchSegmentation
from archloom.segments.canonical import canonical_form
from archloom.segments.dedup import Topology, first_hash, fold
from archloom.segments.pattern import Pattern, cut

_SYMBOL, _POSITION, _SOURCE, _TARGET = (
    np.uint64(factor)
    for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x8CB92BA72F3D8DD7, 0xD1B54A32D192ED03)
)


class SegmentCollector:
    """Counts the segments of a stream of batches.

    skipped : by unit, the groups left out because the search could not place them: with a node that
              has a definition, or with a grouped convolution
    """

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, Pattern], Topology] = {}
        self._by_digest: dict[tuple[str, int], Topology] = {}
        self.skipped: Counter[str] = Counter()

    def add(self, cuts: BatchSegmentation, unit: str) -> None:
        """Count every group of ``cuts`` as a segment of kind ``unit``."""
        batch, graph = cuts.batch, cuts.graph_of
        movable = np.logical_and.reduceat(_is_movable(batch.union)[batch.order], cuts.starts[:-1])
        self.skipped[unit] += int(np.count_nonzero(~movable))
        digests = _group_digests(cuts)
        hashes = graph_hashes(batch.graphs)
        hash_rank = np.argsort(np.argsort(np.array(hashes)))[graph]
        families = np.array([member.family for member in batch.graphs])[graph]
        for family in sorted({member.family for member in batch.graphs}):
            groups = np.flatnonzero(movable & (families == family))
            groups = groups[np.argsort(hash_rank[groups], kind="stable")]
            distinct, first, counts = np.unique(
                digests[groups], return_index=True, return_counts=True
            )
            examples = groups[first]
            self._meet(cuts, unit, distinct, examples)
            for digest, example, count in zip(
                distinct.tolist(), graph[examples].tolist(), counts.tolist(), strict=True
            ):
                tally = self._by_digest[unit, digest]
                tally.frequency[family] += count
                tally.example = first_hash(tally.example, hashes[example])

    def topologies(self) -> list[Topology]:
        """Return the segments counted so far, folded and sorted."""
        return fold(_canonical(tally, pattern) for (_, pattern), tally in self._tallies.items())

    def _meet(
        self,
        cuts: BatchSegmentation,
        unit: str,
        digests: NDArray[np.uint64],
        groups: NDArray[np.integer],
    ) -> None:
        """Open a tally for every digest that is new; ``groups`` holds a group of each."""
        known = self._by_digest
        new = np.array([(unit, digest) not in known for digest in digests.tolist()], dtype=np.bool_)
        if not new.any():
            return
        graph, segmentation = cuts.taken(groups[new])
        found = zip(
            digests[new].tolist(),
            cut(graph, segmentation),
            segmentation.tokens(),
            strict=True,
        )
        for digest, pattern, token in found:
            tally = self._tallies.setdefault(
                (unit, pattern), Topology(unit, pattern.nodes, pattern.edges)
            )
            if min(token) > 0:
                tally.tokens.add(token)
            known[unit, digest] = tally


def _canonical(tally: Topology, pattern: Pattern) -> Topology:
    """Return what was counted for one pattern under its canonical form."""
    form = canonical_form(pattern)
    instances = Counter({form.states: tally.frequency.total()})
    return Topology(
        tally.unit, form.nodes, form.edges, tally.frequency, tally.tokens, tally.example, instances
    )


def _is_movable(graph: Graph) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a pattern says all about a node, so that it can be put elsewhere."""
    return ~graph.is_fixed & (graph.groups == 1)


def _group_digests(cuts: BatchSegmentation) -> NDArray[np.uint64]:
    """Return one digest per group of its nodes and symbols in order, and of its inner edges."""
    batch, starts = cuts.batch, cuts.starts
    group = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    place = np.arange(len(group)) - starts[group]
    nodes = node_digests(batch.union)[batch.order] + cuts.symbols.astype(np.uint64) * _SYMBOL
    digests = np.add.reduceat(mix(nodes + place.astype(np.uint64) * _POSITION), starts[:-1])
    position = np.empty(len(group), dtype=np.int64)
    position[batch.order] = np.arange(len(group))
    source, target = position[batch.union.in_src], position[batch.union.edge_dst]
    inner = group[source] == group[target]
    source, target = source[inner], target[inner]
    edges = mix(
        place[source].astype(np.uint64) * _SOURCE + place[target].astype(np.uint64) * _TARGET
    )
    np.add.at(digests, group[target], edges)
    return mix(digests)
