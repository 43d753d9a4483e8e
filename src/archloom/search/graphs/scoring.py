"""How the search sees a predictor: one small interface, and its adapters.

A scoring is opened once per parent with the parent's regions; it then rates segments that could go
in, and finished proposals. Higher is better. No rating depends on the other proposals of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph
from archloom.search.graphs.regions import Region
from archloom.segments.database import SegmentDatabase

if TYPE_CHECKING:
    from archloom.predict.gnn.predictor import GNN
    from archloom.predict.psc.predictor import PSC
    from archloom.predict.psc.scorer import PscScorer

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Proposal:
    """A child: region number, fitted replacement and the stitched graph."""

    region: int
    segment: Graph
    child: Graph


class ParentScoring(Protocol):
    """A scoring opened for one parent."""

    def preference(self, region: int, topologies: NDArray[np.int32]) -> Vector | None:
        """Return (t,) a score per topology (t,) of the database as mined; None: no preference."""

    def scores(self, proposals: Sequence[Proposal]) -> Vector:
        """Return (k,) the scores of k proposals."""


class Scoring(Protocol):
    """What a search maximises; ``identity`` is a digest or name of it."""

    @property
    def identity(self) -> str:
        """What tells this scoring from another one."""

    def baseline(self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]) -> float:
        """Return the score of the input graph in ``order`` (n,), NaN where it has none."""

    def open(
        self, parent: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> ParentScoring:
        """Prepare to rate replacements of ``regions`` of ``parent``; ``order``, (n,), is its node
        order.
        """


class PscScoring:
    """Rates a replacement with a PSC predictor on (predecessor, replacement, successor)."""

    def __init__(self, predictor: PSC, database: SegmentDatabase) -> None:
        self.predictor, self.database = predictor, database
        self.identity = predictor.digest

    def baseline(self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]) -> float:
        """Return the mean prediction over ``regions`` of ``order``, (n,), as they are (AutoGO spec
        5.2), NaN without any.
        """
        if not regions:
            return float("nan")
        return float(np.mean(self._scorer(graph, order, regions).originals))

    def open(
        self, parent: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> ParentScoring:
        """Encode predecessor and successor of every region of ``order``, (n,), once."""
        return _PscParent(self._scorer(parent, order, regions), self._embeddings)

    def _scorer(
        self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> PscScorer:
        from archloom.predict.psc.scorer import PscScorer

        ranges = [(region.start, region.stop) for region in regions]
        return PscScorer(self.predictor, graph, order, ranges)

    @cached_property
    def _embeddings(self) -> NDArray[np.float32]:
        """(t, d) embedding of the representative of each topology."""
        representatives = self.database.representative.tolist()
        return self.predictor.segment_embeddings([self.database.graph(i) for i in representatives])


@dataclass(frozen=True)
class _PscParent:
    scorer: PscScorer
    embeddings: NDArray[np.float32]

    def preference(self, region: int, topologies: NDArray[np.int32]) -> Vector | None:
        return self.scorer.score_embeddings(region, self.embeddings[topologies])

    def scores(self, proposals: Sequence[Proposal]) -> Vector:
        sources = np.array([proposal.region for proposal in proposals], dtype=np.int64)
        return self.scorer.score(sources, [proposal.segment for proposal in proposals])


class GnnScoring:
    """Rates whole graphs with a GNN predictor; has no preference among segments."""

    def __init__(self, predictor: GNN) -> None:
        self.predictor = predictor
        self.identity = predictor.digest

    def baseline(self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]) -> float:
        """Return the prediction for the whole graph, whatever its ``order``, (n,)."""
        return float(self.predictor.predict([graph])[0])

    def open(
        self, parent: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> ParentScoring:
        """Return a rating of whole children, whatever ``order``, (n,), is."""
        return _WholeGraph(self.predictor)


@dataclass(frozen=True)
class _WholeGraph:
    predictor: GNN

    def preference(self, region: int, topologies: NDArray[np.int32]) -> Vector | None:
        return None

    def scores(self, proposals: Sequence[Proposal]) -> Vector:
        return self.predictor.predict([proposal.child for proposal in proposals])


def scoring_of(predictor: GNN | PSC, database: SegmentDatabase) -> Scoring:
    """Return the scoring of a PSC or GNN predictor."""
    from archloom.predict.psc.predictor import PSC

    if isinstance(predictor, PSC):
        return PscScoring(predictor, database)
    return GnnScoring(predictor)
