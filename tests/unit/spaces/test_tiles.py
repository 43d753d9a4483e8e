"""A network over tiles: what it refuses; its outputs are tested with TransNAS-Bench-101."""

import pytest

from archloom.errors import GraphError
from archloom.graph import GraphBuilder
from archloom.spaces.tiles import over_tiles


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda b, x: b.unary("softmax", x), "softmax.*cannot run over tiles: use add, batchnorm"),
        (lambda b, x: b.conv(x, 3, bias=True), "without bias, groups and dilation"),
        (lambda b, x: b.conv(x, 3, groups=3), "without bias, groups and dilation"),
        (lambda b, x: b.conv(x, 3, dilation=2), "without bias, groups and dilation"),
    ],
)
def test_a_node_that_no_encoder_has_is_refused(add, message):
    inner = GraphBuilder("encoder")
    add(inner, inner.input(4, 4, 3))
    b = GraphBuilder("tiles")
    with pytest.raises(GraphError, match=message):
        over_tiles(b, b.input(4, 4, 6), inner.build(), 2)
