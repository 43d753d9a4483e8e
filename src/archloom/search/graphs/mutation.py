"""Mutation of one parent: regions, replacements, stitching, validation and scores (AutoGO spec 5.3
to 5.6).

A mutation depends on the parent, the settings and its own random stream alone, so parents can be
mutated anywhere and in any order.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from archloom.graph import OPS, Graph, union_hashes
from archloom.search.graphs.regions import Region, find_regions, single_node_regions
from archloom.search.graphs.replacements import ReplacementFinder
from archloom.search.graphs.scoring import ParentScoring, Proposal, Scoring
from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.stitching import Graft, Opening, stitch
from archloom.search.graphs.validation import validate
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
        proposed = _Proposed()
        for index, region in enumerate(regions):
            preference, limit = partial(opened.preference, index), self.settings.max_targets
            found = list(self._finder.find(region, limit, preference, rng, brood.rejected))
            clock.lap(brood, "replacements")
            opening = Opening(parent, region)
            for one in found:
                proposed.add(index, opening.graft(one.segment, one.closure, one.wiring))
            clock.lap(brood, "stitch")
        if proposed.grafts:
            self._finish(brood, parent, proposed, first_id, opened, clock)
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

    def _finish(
        self,
        brood: Brood,
        parent: Graph,
        proposed: _Proposed,
        first_id: int,
        opened: ParentScoring,
        clock: _Clock,
    ) -> None:
        """Stitch, validate, deduplicate and score what is proposed into ``brood``."""
        grafts, times = proposed.grafts, np.array(proposed.times)
        children = stitch(parent, grafts, first_id)
        clock.lap(brood, "stitch")
        sound = validate(parent, children, times, brood.rejected)
        clock.lap(brood, "validate")
        hashes = union_hashes(children.union, children.bounds)
        first = {hashes[i]: i for i in reversed(np.flatnonzero(sound).tolist())}
        chosen = sorted(first.values())
        brood.rejected["same child twice"] += int(times[sound].sum()) - len(chosen)
        clock.lap(brood, "hash")
        brood.hashes = [hashes[i] for i in chosen]
        brood.graphs = [children[i] for i in chosen]
        for child, digest in zip(brood.graphs, brood.hashes, strict=True):
            child.remember_hash(digest)
        clock.lap(brood, "stitch")
        brood.steps = _steps(parent, [grafts[i] for i in chosen])
        if chosen:
            brood.scores = opened.scores(
                [
                    Proposal(proposed.regions[i], grafts[i].segment, child)
                    for i, child in zip(chosen, brood.graphs, strict=True)
                ]
            )
        clock.lap(brood, "score")


class _Proposed:
    """Different grafts of one parent with their regions, and how often each was proposed."""

    def __init__(self) -> None:
        self.grafts: list[Graft] = []
        self.regions: list[int] = []
        self.times: list[int] = []
        self._number: dict[tuple[int, bytes], int] = {}

    def add(self, region: int, graft: Graft) -> None:
        """Count a graft; keep the first of its kind."""
        number = self._number.setdefault((region, graft.key), len(self.grafts))
        if number < len(self.grafts):
            self.times[number] += 1
            return
        self.grafts.append(graft)
        self.regions.append(region)
        self.times.append(1)


class _Clock:
    """Adds the time between laps to a brood's activities."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self, brood: Brood, activity: str) -> None:
        now = time.perf_counter()
        brood.seconds[activity] += now - self._last  # type: ignore[assignment]
        self._last = now


def _steps(parent: Graph, grafts: Sequence[Graft]) -> list[str]:
    """Return what each graft replaces by what, as text."""
    openings = {one.opening for one in grafts}
    replaced = {one: segment_text(parent, one.region.nodes) for one in openings}
    return [
        f"{replaced[one.opening]} -> {segment_text(one.segment, one.closure.kept)}"
        for one in grafts
    ]


def segment_text(graph: Graph, nodes: NDArray[np.integer]) -> str:
    """Return the operations of ``nodes``, (k,), as people write them, such as ``relu conv3x3
    batchnorm``.
    """
    words = [
        OPS.name(op) + (f"{height}x{width}" if height or width else "")
        for op, (height, width) in zip(
            graph.op[nodes].tolist(), graph.kernel[nodes].tolist(), strict=True
        )
    ]
    return " ".join(words) or "nothing"
