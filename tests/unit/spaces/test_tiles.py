"""A network over tiles: what it refuses; its outputs are tested with TransNAS-Bench-101."""

import pytest

from archloom.errors import GraphError
from archloom.graph import GraphBuilder
from archloom.spaces.tiles import over_tiles


def test_an_operation_that_no_encoder_has_is_refused():
    inner = GraphBuilder("encoder")
    inner.unary("softmax", inner.input(4, 4, 3))
    b = GraphBuilder("tiles")
    with pytest.raises(GraphError, match="softmax.*cannot run over tiles"):
        over_tiles(b, b.input(4, 4, 6), inner.build(), 2)
