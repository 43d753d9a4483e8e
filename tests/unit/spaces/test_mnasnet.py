"""The MnasNet space of Accel-NASBench: check values, published counts, and plain PyTorch."""

from itertools import islice

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import check, flops, parameters
from archloom.spaces import mnasnet
from published_counters import thop_macs
from reference_models.layers import assert_same_outputs
from reference_models.mobile import mnasnet as network

B0 = mnasnet.from_lists("1666666", "3353553", "1223341", "1111111")


@pytest.mark.parametrize(
    ("lists", "params", "macs", "listed"),
    [
        ("1111111 3333333 1111111 0000000", 1_798_072, 51_594_768, 57_030_736),
        ("1666666 3353553 1223341 1111111", 5_288_548, 385_814_752, 415_145_024),
        ("6666666 5555555 3333343 1111111", 8_593_116, 884_060_256, 964_348_832),
        ("6466611 3535533 1233222 0000000", 2_501_160, 375_723_888, 415_361_072),
        ("1111616 3353333 2332113 1100111", 5_710_052, 233_547_792, 246_308_096),
        ("1616414 3533353 1313133 0010100", 4_189_570, 305_518_800, 329_206_632),
    ],
)
def test_check_values(lists, params, macs, listed):
    graph = mnasnet.build(mnasnet.from_lists(*lists.split()))
    assert (parameters(graph), flops(graph, "mac")) == (params, 2 * macs)
    assert thop_macs(graph) == listed


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_published_counts(data_folder, step):
    """As single-precision millions, the form of the table."""
    table = pd.read_parquet(data_folder / "accel_nasbench" / "mnasnet_imagenet.parquet")
    for row in table.iloc[::step].itertuples():
        graph = mnasnet.build(mnasnet.from_lists(row.e, row.k, row.l, row.se))
        found = parameters(graph), thop_macs(graph)
        assert tuple(np.float32(count / 1e6) for count in found) == (row.params_m, row.macs_m)


def test_string_of_lists():
    assert B0.startswith("e1k3l1s1|e6k3l2s1|e6k5l2s1|")
    assert [block.layers for block in mnasnet.parse(B0)] == [1, 2, 2, 3, 3, 4, 1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        B0.replace("e1", "e3"),
        B0.replace("k5", "k7", 1),
        B0.replace("l1", "l4", 1),
        B0.replace("l1", "l0", 1),
        B0.replace("s1", "s2", 1),
        B0 + "|e1k3l1s1",
        B0.partition("|")[2],
    ],
)
def test_damaged_string_is_refused(text):
    with pytest.raises(GraphError, match=r"expansion 1, 4 or 6, kernel 3 or 5, 1 to 3 layers"):
        mnasnet.build(text)


def test_lists_outside_the_space_are_refused():
    with pytest.raises(GraphError, match="lists of 7, 7, 6, 7 numbers.*give 7 of each"):
        mnasnet.from_lists([1] * 7, [3] * 7, [1] * 6, [0] * 7)
    with pytest.raises(GraphError, match="is not a network"):
        mnasnet.from_lists([1] * 7, [3] * 7, [4] * 7, [0] * 7)


@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_architectures_are_in_the_space(seed):
    for architecture in islice(mnasnet.architectures(seed), 3):
        assert "|".join(map(str, mnasnet.parse(architecture))) == architecture


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("architecture", [B0, *islice(mnasnet.architectures(0), 2)])
def test_output_equals_plain_pytorch(architecture, training):
    compare(architecture, mnasnet.REDUCED, training)


def test_output_of_a_full_network_equals_plain_pytorch():
    compare(B0, mnasnet.FULL.resized(40), training=False)


def compare(architecture, skeleton, training):
    graph = mnasnet.build(architecture, skeleton)
    check(graph)
    blocks = [[int(word[i]) for i in (1, 3, 5, 7)] for word in architecture.split("|")]
    model = network(
        blocks,
        skeleton.shape[2],
        skeleton.stem,
        skeleton.stem_stride,
        skeleton.widths,
        skeleton.head,
        skeleton.classes,
    )
    assert_same_outputs(model, graph, training, 1e-8)
