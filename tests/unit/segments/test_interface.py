import numpy as np
import pytest

from archloom.graph import OPS, GraphBuilder
from archloom.segments.interface import PERMITTED_OPS, permitted_ops, sink_shapes, source_shapes


def test_shapes_are_multisets_over_sources_and_sinks():
    b = GraphBuilder()
    x = b.input(8, 8, 3)
    for channels in (16, 4, 4):
        b.conv(x, channels, 3, 2)
    segment = b.build().subgraph([1, 2, 3])
    assert source_shapes(segment) == ((8, 8, 3),) * 3
    assert sink_shapes(segment) == ((4, 4, 4), (4, 4, 4), (4, 4, 16))


def test_a_single_node_is_source_and_sink():
    b = GraphBuilder()
    b.conv(b.input(8, 6, 3), 5, stride=2)
    conv = b.build().subgraph([1])
    assert (source_shapes(conv), sink_shapes(conv)) == (((8, 6, 3),), ((4, 3, 5),))


@pytest.mark.parametrize(
    ("family", "allowed", "refused"),
    [
        ("nb201", "zero conv relu6 mean", "maxpool concat depthwise input output"),
        ("nb101", "maxpool concat", "depthwise zero"),
        ("inception", "depthwise", "zero"),
        ("generic_noDW", "maxpool", "depthwise"),
        ("edsr", "relu6 concat", "batchnorm avgpool maxpool"),
        ("my_model", "depthwise concat", "zero input"),
    ],
)
def test_permitted_operations_by_family(family, allowed, refused):
    table = permitted_ops(family)
    assert table[[OPS.code(name) for name in allowed.split()]].all()
    assert not table[[OPS.code(name) for name in refused.split()]].any()


def test_every_permitted_name_is_an_operation():
    known = {op.canonical for op in OPS}
    assert all(names <= known for names in PERMITTED_OPS.values())
    assert np.array_equal(permitted_ops("unheard of"), permitted_ops("generic"))
