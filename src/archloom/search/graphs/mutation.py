"""Mutation of one parent: regions, replacements, stitching, validation and scores (AutoGO spec 5.3
to 5.6).

A mutation depends on the parent, the settings and its own random stream alone, so parents can be
mutated anywhere and in any order.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, disjoint_union, union_hashes
from archloom.graph.check import faulty_nodes
from archloom.search.graphs.regions import Region, find_regions, single_node_regions
from archloom.search.graphs.replacements import Replacement, ReplacementFinder
from archloom.search.graphs.scoring import ParentScoring, Proposal, Scoring
from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.stitching import Opening
from archloom.search.shapes.propagation import Propagator
from archloom.search.shapes.rules import CORRECTED, LEGACY
from archloom.segments.database import SegmentDatabase
from archloom.segments.interface import permitted_ops
from archloom.segments.ranking import SegmentRanking
from archloom.segments.tokeniser import Segmentation, Tokeniser


@dataclass(eq=False)
class Brood:
    """The distinct children of one parent.

    hashes, scores   one entry per child
    graphs           the children
    steps            what was replaced by what, as text, one per child
    rejected         number of candidates that fell out, by reason
    seconds          time by activity
    """

    hashes: list[str] = field(default_factory=list)
    scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    graphs: list[Graph] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)


class Mutator:
    """Mutates parents with one database, tokeniser and scoring.

    ranking    of the database's segments, for drawing replacements; None: uniformly
    identity   digests of what it is made of, so that a resumed search can tell whether it is the
               same
    """

    def __init__(
        self,
        database: SegmentDatabase,
        tokeniser: Tokeniser,
        scoring: Scoring,
        settings: SearchSettings,
        ranking: SegmentRanking | None = None,
    ) -> None:
        self.settings, self.tokeniser, self.scoring = settings, tokeniser, scoring
        self.propagator = Propagator(
            LEGACY if settings.legacy else CORRECTED, solver=settings.solver
        )
        self.identity = [scoring.identity, database.digest, tokeniser.vocabulary.digest]
        self.identity += [ranking.digest] if ranking else []
        self._permitted = permitted_ops(settings.family) & permitted_ops("generic")
        self._finder = ReplacementFinder(
            database, self.propagator, self._permitted, settings.unit, ranking
        )

    def baseline(self, graph: Graph, rng: np.random.Generator) -> float:
        """Return the score of the input: over all its regions for PSC, of the whole graph for
        GNN.
        """
        segmentation = self._segment(graph, rng)
        return self.scoring.baseline(
            graph, segmentation.order, self._regions(graph, segmentation, graph.n_nodes**2, rng)
        )

    def __call__(self, parent: Graph, rng: np.random.Generator, first_id: int) -> Brood:
        """Return the scored children of ``parent``; new nodes get ids from ``first_id`` on."""
        brood, clock = Brood(), _Clock()
        segmentation = self._segment(parent, rng)
        regions = self._regions(parent, segmentation, self.settings.max_sources, rng)
        clock.lap(brood, "regions")
        if not regions:
            brood.rejected["no region can be replaced"] += 1
            return brood
        opened = self.scoring.open(parent, segmentation.order, regions)
        clock.lap(brood, "encode parent")
        proposals, steps = [], []
        for index, region in enumerate(regions):
            for proposal, step in self._proposals(
                parent, index, region, opened, rng, first_id, brood, clock
            ):
                proposals.append(proposal)
                steps.append(step)
        self._finish(brood, proposals, steps, opened, clock)
        return brood

    def _segment(self, graph: Graph, rng: np.random.Generator) -> Segmentation:
        if self.settings.unit == "op":
            return self.tokeniser.segment(graph).by_node()
        return self.tokeniser.segment(graph, 1 - self.settings.sparsity, rng)

    def _regions(
        self, graph: Graph, segmentation: Segmentation, limit: int, rng: np.random.Generator
    ) -> list[Region]:
        if self.settings.unit == "op":
            return single_node_regions(graph, segmentation, self._permitted, limit=limit, rng=rng)
        return find_regions(
            graph,
            segmentation,
            self._permitted,
            consecutive=self.settings.consecutive,
            limit=limit,
            rng=rng,
        )

    def _proposals(
        self,
        parent: Graph,
        index: int,
        region: Region,
        opened: ParentScoring,
        rng: np.random.Generator,
        first_id: int,
        brood: Brood,
        clock: _Clock,
    ) -> Iterator[tuple[Proposal, str]]:
        """Yield the stitched children of one region with what was done."""
        opening = Opening(parent, region)
        before = segment_text(parent, region.nodes)
        replacements: list[Replacement] = list(
            self._finder.find(
                region,
                self.settings.max_targets,
                lambda topologies: opened.preference(index, topologies),
                rng,
                brood.rejected,
            )
        )
        clock.lap(brood, "replacements")
        for found in replacements:
            child = opening.fill(found.segment, found.closure, found.wiring, first_id=first_id)
            after = segment_text(found.segment, found.closure.kept)
            yield Proposal(index, found.segment, child), f"{before} -> {after}"
        clock.lap(brood, "stitch")

    def _finish(
        self,
        brood: Brood,
        proposals: Sequence[Proposal],
        steps: Sequence[str],
        opened: ParentScoring,
        clock: _Clock,
    ) -> None:
        """Validate, deduplicate and score the proposals into ``brood``."""
        if not proposals:
            return
        union, bounds = disjoint_union([proposal.child for proposal in proposals])
        sound = validate(union, bounds, brood.rejected)
        clock.lap(brood, "validate")
        hashes = union_hashes(union, bounds)
        kept = np.flatnonzero(sound).tolist()
        first = {hashes[i]: i for i in reversed(kept)}
        chosen = sorted(first.values())
        brood.rejected["same child twice"] += len(kept) - len(chosen)
        clock.lap(brood, "hash")
        brood.hashes = [hashes[i] for i in chosen]
        brood.graphs = [proposals[i].child for i in chosen]
        for child, digest in zip(brood.graphs, brood.hashes, strict=True):
            child.remember_hash(digest)
        brood.steps = [steps[i] for i in chosen]
        brood.scores = opened.scores([proposals[i] for i in chosen]) if chosen else brood.scores
        clock.lap(brood, "score")


class _Clock:
    """Adds the time between laps to a brood's activities."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self, brood: Brood, activity: str) -> None:
        now = time.perf_counter()
        brood.seconds[activity] += now - self._last  # type: ignore[assignment]
        self._last = now


def validate(union: Graph, bounds: NDArray[np.int64], rejected: Counter[str]) -> NDArray[np.bool_]:
    """Return ``(k,)``: whether each member of a disjoint union is a valid network; count the
    others by reason.

    Rules: sources are inputs, sinks are outputs, no repeated edge but into fixed nodes, every shape
    rule of ``archloom.graph.check``. Members are acyclic by construction; their hash would raise
    otherwise.
    """
    starts = bounds[:-1]
    repeated = np.zeros(union.n_nodes, dtype=np.bool_)
    key = np.sort(union.edge_dst.astype(np.int64) * union.n_nodes + union.in_src)
    repeated[(key[1:][key[1:] == key[:-1]] // union.n_nodes).astype(np.int64)] = True
    dangling = (union.in_degree == 0) & (union.op != OPS.code("input"))
    dangling |= (union.out_degree == 0) & (union.op != OPS.code("output"))
    faults = {
        "repeated edge": np.logical_or.reduceat(repeated & ~union.is_fixed, starts),
        "loose end": np.logical_or.reduceat(dangling, starts),
        "shape rule broken": np.logical_or.reduceat(faulty_nodes(union), starts),
    }
    sound = np.ones(len(starts), dtype=np.bool_)
    for reason, faulty in faults.items():
        rejected[reason] += int((sound & faulty).sum())
        sound &= ~faulty
    return sound


def segment_text(graph: Graph, nodes: NDArray[np.integer]) -> str:
    """Return the operations of ``nodes`` as people write them, such as ``relu conv3x3
    batchnorm``.
    """
    words = []
    for node in nodes.tolist():
        window = (
            "x".join(str(size) for size in graph.kernel[node].tolist())
            if graph.kernel[node].any()
            else ""
        )
        words.append(graph.op_name(node) + window)
    return " ".join(words) or "nothing"
