"""A made-up score for searches in tests; it lives in a module so that worker processes can import
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archloom.graph import OPS, Graph
from archloom.search.regions import Region
from archloom.search.scoring import Proposal


@dataclass(frozen=True)
class ConvCount:
    """Scores a child by its convolutions minus a tenth of its nodes: anything reproducible will
    do.
    """

    identity: str = "conv-count"

    def baseline(self, graph: Graph, order: np.ndarray, regions: Sequence[Region]) -> float:
        return _rate(graph)

    def open(self, parent: Graph, order: np.ndarray, regions: Sequence[Region]) -> "ConvCount":
        return self

    def preference(self, region: int, topologies: np.ndarray) -> np.ndarray:
        return -topologies.astype(float)

    def scores(self, proposals: Sequence[Proposal]) -> np.ndarray:
        return np.array([_rate(proposal.child) for proposal in proposals])


def _rate(graph: Graph) -> float:
    return float((graph.op == OPS.code("conv")).sum() - 0.1 * graph.n_nodes)
