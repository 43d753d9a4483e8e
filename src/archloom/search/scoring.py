"""How the search sees a predictor: one small interface, and its adapters.

A scoring is opened once per parent with the parent's regions; it then rates segments that could go
in, and finished proposals. Higher is better. Nothing here depends on the order or number of the
proposals in a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph
from archloom.search.regions import Region

if TYPE_CHECKING:
    from archloom.predict.gnn import GnnPredictor
    from archloom.predict.psc import PscPredictor, PscScorer

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Proposal:
    """A child: region number, fitted replacement and the stitched graph."""

    region: int
    segment: Graph
    child: Graph


class ParentScoring(Protocol):
    """A scoring opened for one parent."""

    def preference(self, region: int, segments: Sequence[Graph]) -> Vector | None:
        """Return a score per segment as it was mined, to choose which to try; None: no
        preference.
        """

    def scores(self, proposals: Sequence[Proposal]) -> Vector:
        """Return the score of each proposal."""


class Scoring(Protocol):
    """What a search maximises; ``identity`` is a digest or name of it."""

    identity: str

    def baseline(self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]) -> float:
        """Return the score of the input graph."""

    def open(
        self, parent: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> ParentScoring:
        """Prepare to rate replacements of ``regions`` of ``parent``; ``order`` is its node
        order.
        """


class PscScoring:
    """Rates a replacement with a PSC predictor on (predecessor, replacement, successor)."""

    def __init__(self, predictor: PscPredictor) -> None:
        self.predictor = predictor
        self.identity = predictor.digest

    def baseline(self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]) -> float:
        """Return the mean prediction over ``regions``, each with what it holds now (AutoGO spec
        5.2).
        """
        scorer = self._scorer(graph, order, regions)
        own = [graph.subgraph(region.nodes) for region in regions]
        return float(np.mean(scorer.score(np.arange(len(regions)), own)))

    def open(
        self, parent: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> ParentScoring:
        """Encode predecessor and successor of every region once."""
        return _PscParent(self._scorer(parent, order, regions))

    def _scorer(
        self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> PscScorer:
        return self.predictor.scorer(
            graph, order, [(region.start, region.stop) for region in regions]
        )


@dataclass(frozen=True)
class _PscParent:
    scorer: PscScorer

    def preference(self, region: int, segments: Sequence[Graph]) -> Vector | None:
        return self.scorer.score(np.full(len(segments), region), segments)

    def scores(self, proposals: Sequence[Proposal]) -> Vector:
        sources = np.array([proposal.region for proposal in proposals], dtype=np.int64)
        return self.scorer.score(sources, [proposal.segment for proposal in proposals])


class GnnScoring:
    """Rates whole graphs with a GNN predictor; has no preference among segments."""

    def __init__(self, predictor: GnnPredictor) -> None:
        self._predict: Callable[[Sequence[Graph]], Vector] = predictor.predict
        self.identity = predictor.digest

    def baseline(self, graph: Graph, order: NDArray[np.int32], regions: Sequence[Region]) -> float:
        """Return the prediction for the whole graph."""
        return float(self._predict([graph])[0])

    def open(
        self, parent: Graph, order: NDArray[np.int32], regions: Sequence[Region]
    ) -> ParentScoring:
        """Return a rating of whole children."""
        return _WholeGraph(self._predict)


@dataclass(frozen=True)
class _WholeGraph:
    predict: Callable[[Sequence[Graph]], Vector]

    def preference(self, region: int, segments: Sequence[Graph]) -> Vector | None:
        return None

    def scores(self, proposals: Sequence[Proposal]) -> Vector:
        return self.predict([proposal.child for proposal in proposals])
