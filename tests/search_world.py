"""A made-up score for searches in tests; it lives in a module so that worker processes can import
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from archloom.graph import OPS, Graph
from archloom.search.graphs.mutation import Mutator
from archloom.search.graphs.regions import Region
from archloom.search.graphs.scoring import Proposal
from archloom.search.graphs.settings import SearchSettings
from archloom.segments.database import SegmentDatabase, build_database
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.training import train_vocabulary
from archloom.spaces import hiaml, nb201

SETTINGS: dict[str, Any] = {
    "family": "nb201",
    "iterations": 2,
    "top_k": 3,
    "max_sources": 4,
    "max_targets": 12,
    "constraints": ("flops<100%",),
}


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


@cache
def make_world() -> tuple[SegmentDatabase, Tokeniser]:
    """Return the segment database and tokeniser of a few small graphs."""
    graphs = [*nb201.sample(24, 0, nb201.REDUCED), *hiaml.sample(16, 0, hiaml.REDUCED)]
    tokeniser = Tokeniser(train_vocabulary(graphs, size=400))
    return build_database(graphs, tokeniser), tokeniser


def make_network() -> Graph:
    """Return the graph that the searches start from."""
    first, last = "nor_conv_3x3~0|nor_conv_3x3~1", "skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2"
    return nb201.build(f"|nor_conv_3x3~0|+|{first}|+|{last}|", nb201.REDUCED)


def make_mutator(**changes: Any) -> Mutator:
    """Return a mutator of that world; ``changes`` are settings."""
    database, tokeniser = make_world()
    return Mutator(database, tokeniser, ConvCount(), SearchSettings(**{**SETTINGS, **changes}))
