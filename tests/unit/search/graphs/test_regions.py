"""Regions never touch fixed nodes nor grouped convolutions."""

import numpy as np
import pytest

from archloom.graph import OPS
from archloom.search.graphs.regions import find_regions
from archloom.segments.interface import permitted_ops
from search_world import make_world


def touched(graph) -> set[int]:
    _, tokeniser = make_world()
    regions = find_regions(
        graph,
        tokeniser.segment(graph),
        permitted_ops("generic"),
        consecutive=3,
        limit=10_000,
        rng=np.random.default_rng(0),
    )
    return {int(node) for region in regions for node in region.nodes}


@pytest.mark.parametrize("column", ["groups", "definition"])
def test_what_is_not_of_the_vocabulary_alone_is_left_alone(network, column):
    convolutions = np.flatnonzero(network.op == OPS.code("conv"))
    chosen = next(node for node in convolutions.tolist() if node in touched(network))
    values = getattr(network, column).copy()
    values[chosen] = 2 if column == "groups" else 0
    assert chosen not in touched(network.replace(**{column: values}))
