"""Rules of shape propagation: settings that make no sense, and stride arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ConfigError
from archloom.graph import OPS
from archloom.search.shapes.rules import Rules, is_strided_size, node_rule, stride_between


def test_bad_rules_say_what_to_write():
    with pytest.raises(ConfigError, match="tensor_size"):
        Rules(tensor_size=-1)
    with pytest.raises(ConfigError, match="fixed"):
        Rules(legacy=True, channel_change=2)
    with pytest.raises(ConfigError, match="largest"):
        Rules(largest=0)


def test_every_operation_of_the_registry_has_legacy_rules_and_corrected_ones_or_none():
    without = {op.name for op in OPS if node_rule(op.code, legacy=False) is None}
    assert without == {"spacetobatchnd", "batchtospacend", "spacetodepthnd", "depthtospacend"}
    assert all(node_rule(op.code, legacy=True) for op in OPS)


@given(st.integers(1, 60), st.integers(1, 60))
def test_sizes_are_strided_exactly_if_some_stride_makes_them(size_in, size_out):
    exists = any(-(-size_in // s) == size_out for s in range(1, size_in + 1))
    assert is_strided_size(size_in, size_out) == exists


@given(st.tuples(*[st.integers(1, 30)] * 2), st.tuples(*[st.integers(1, 9)] * 2))
def test_strides_are_equal_wherever_one_stride_serves_both_dimensions(size_in, strides):
    size_out = tuple(-(-size // s) for size, s in zip(size_in, strides, strict=True))
    found = stride_between(size_in, size_out)
    assert tuple(-(-size // s) for size, s in zip(size_in, found, strict=True)) == size_out
    common = [
        s
        for s in range(1, 31)
        if all(-(-size // s) == out for size, out in zip(size_in, size_out, strict=True))
    ]
    assert not common or found[0] == found[1]
