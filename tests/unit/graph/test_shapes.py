"""Shape inference and window arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import GraphBuilder, Padding, check, infer_shapes, window_pads
from archloom.graph.shapes import same_pads
from strategies import assert_identical, networks, segments


@given(networks())
def test_inference_reproduces_the_shapes_that_the_builder_stored(graph):
    assert_identical(infer_shapes(graph), graph)


@given(networks(), st.integers(3, 20), st.integers(3, 20), st.integers(1, 6))
def test_inference_from_another_input_is_idempotent_and_valid(graph, height, width, channels):
    try:
        first = infer_shapes(graph, (height, width, channels))
        check(first)
    except GraphError:
        return  # a window or a sum does not fit the new size: refused, which is right
    assert_identical(infer_shapes(first), first)
    assert (
        first.resolution[first.sources[0]].tolist()
        == [height, height, width, width] + [channels] * 2
    )


@given(segments())
def test_a_segment_keeps_its_stored_shapes_at_sources_and_infers_the_rest(graph):
    found = infer_shapes(graph)
    np.testing.assert_array_equal(found.resolution[graph.sources], graph.resolution[graph.sources])
    assert_identical(infer_shapes(found), found)


def test_shapes_of_all_shipped_graphs_are_what_inference_computes(shipped):
    for name, graph in shipped.items():
        check(graph)
        found = infer_shapes(graph).resolution.copy()
        concat = graph.op == 11
        found[concat, 4] = graph.resolution[concat, 4]  # files hold the first operand's or the sum
        np.testing.assert_array_equal(found, graph.resolution, err_msg=name)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "pads"),
    [
        (32, 3, 1, 1, (1, 1)),
        (32, 3, 2, 1, (0, 1)),
        (33, 3, 2, 1, (1, 1)),
        (32, 1, 2, 1, (0, 0)),
        (7, 2, 1, 1, (0, 1)),
        (7, 3, 1, 2, (2, 2)),
        (224, 7, 2, 1, (2, 3)),
    ],
)
def test_same_padding_is_tensorflows(size, kernel, stride, dilation, pads):
    assert same_pads(size, kernel, stride, dilation) == pads


def test_window_pads_of_each_kind_of_padding():
    b = GraphBuilder()
    x = b.input(8, 9, 1)
    same = b.conv(x, 1, 3, 2)
    valid = b.conv(x, 1, 3, 2, padding="valid")
    explicit = b.conv(x, 1, 3, 2, padding=(1, 2, 3, 4))
    relu = b.unary("relu", x)
    graph = b.build()
    assert window_pads(graph, same) == (0, 1, 1, 1)
    assert window_pads(graph, valid) == (0, 0, 0, 0)
    assert window_pads(graph, explicit) == (1, 2, 3, 4)
    assert window_pads(graph, relu) == (0, 0, 0, 0)
    assert graph.padding.tolist() == [
        Padding.NONE, Padding.SAME, Padding.VALID, Padding.EXPLICIT, Padding.NONE,
    ]  # fmt: skip
    assert graph.resolution[[same, valid, explicit], 1].tolist() == [4, 3, 5]
    assert graph.resolution[[same, valid, explicit], 3].tolist() == [5, 4, 7]


def test_too_small_an_input_is_refused_with_node_and_remedy():
    b = GraphBuilder(name="net")
    b.output(b.conv(b.input(8, 8, 3), 4, 5, padding="valid"))
    with pytest.raises(GraphError, match=r"'net': node 1 \(conv\) turns.*larger input"):
        infer_shapes(b.build(), (4, 4, 3))


def test_channels_of_a_concat_and_of_slicing_sums():
    b = GraphBuilder()
    x = b.input(4, 4, 3)
    y = b.conv(x, 5)
    joined = b.concat([x, y])
    b.output(joined)
    graph = infer_shapes(b.build(), (4, 4, 2))
    assert graph.resolution[joined].tolist() == [4, 4, 4, 4, 7, 7]
