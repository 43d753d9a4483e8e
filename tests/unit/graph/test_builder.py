"""The builder: shapes on the way, and refusals."""

import pytest

from archloom.errors import GraphError
from archloom.graph import GraphBuilder, Padding, check


def test_a_network_with_every_kind_of_method():
    b = GraphBuilder(name="net", family="test")
    x = b.input(16, 12, 3)
    assert b.shape(x) == (16, 12, 3)
    y = b.conv(x, 8, (3, 5), (2, 1), padding="same", bias=True)
    assert b.shape(y) == (8, 12, 8)
    y = b.depthwise(y, 3, padding="valid", dilation=2)
    assert b.shape(y) == (4, 8, 8)
    y = b.pool("avgpool", y, 2, 2)
    assert b.shape(y) == (2, 4, 8)
    y = b.concat([y, y, b.unary("relu", y)])
    assert b.shape(y) == (2, 4, 24)
    y = b.mul([y, b.unary("sigmoid", y)])
    y = b.matmul(b.unary("global", y), 10, bias=False)
    assert b.shape(b.output(y)) == (1, 1, 10)
    graph = b.build()
    check(graph)
    assert (graph.name, graph.family, graph.n_nodes) == ("net", "test", 11)
    assert graph.bias.tolist().count(True) == 1


def test_zero_pixels_of_padding_are_valid_padding():
    b = GraphBuilder()
    x = b.input(8, 8, 1)
    b.conv(x, 1, 3, padding=0)
    b.conv(x, 1, 3, padding=2)
    graph = b.build()
    assert graph.padding.tolist()[1:] == [Padding.VALID, Padding.EXPLICIT]
    assert graph.pads[2].tolist() == [2, 2, 2, 2]
    assert graph.resolution[2].tolist() == [8, 10, 8, 10, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: b.conv(0, 4, 9, padding="valid"), "does not fit.*enlarge"),
        (lambda b: b.conv(0, 4, padding="full"), "padding 'full' is not known"),
        (lambda b: b.unary("rulu", 0), "unknown operation 'rulu'"),
        (lambda b: b.concat([0, b.conv(0, 3, stride=2)]), "concat of operands.*H and W"),
        (lambda b: b.mul([]), "mul of operands"),
    ],
)
def test_what_cannot_be_built_is_refused(call, message):
    b = GraphBuilder()
    b.input(8, 8, 3)
    with pytest.raises(GraphError, match=message):
        call(b)


def test_repeat_equals_writing_the_nodes_again():
    def block(b, x):
        return b.add([x, b.unary("relu", b.conv(x, 4))])

    by_hand, repeated = GraphBuilder(), GraphBuilder()
    for b in (by_hand, repeated):
        x = b.unary("relu", b.conv(b.input(8, 8, 1), 4))
        start = len(b)
        y = block(b, x)
        if b is by_hand:
            for _ in range(3):
                y = block(b, y)
        else:
            assert b.repeat(start, x, 0) == y
            y = b.repeat(start, x, 3)
        b.output(y)
    first, second = by_hand.build(), repeated.build()
    check(second)
    assert first.edges.tolist() == second.edges.tolist()
    assert first.hash == second.hash


def test_repeat_refuses_nodes_that_do_not_chain():
    b = GraphBuilder()
    x = b.input(8, 8, 4)
    y = b.conv(x, 4)
    z = b.add([x, b.conv(y, 4)])
    with pytest.raises(GraphError, match="cannot be repeated"):
        b.repeat(y + 1, y, 1)
    b.conv(z, 8)
    with pytest.raises(GraphError, match="cannot be repeated"):
        b.repeat(z + 1, z, 1)


def test_an_empty_builder_builds_nothing():
    with pytest.raises(GraphError, match="add an input"):
        GraphBuilder("empty").build()
