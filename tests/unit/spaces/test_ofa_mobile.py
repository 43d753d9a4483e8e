"""Mobile Once-for-All subnets: check values, published configurations, and plain PyTorch."""

import re
from collections import Counter
from itertools import islice

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import OPS, check, flops, parameters
from archloom.spaces.ofa_mobile import OFA_MBV3, OFA_MBV3_W10, OFA_PN
from reference_models.layers import assert_same_outputs
from reference_models.mobile import ofa_mobile

SPACES = pytest.mark.parametrize(
    "space", [OFA_MBV3, OFA_MBV3_W10, OFA_PN], ids=lambda space: space.FAMILY
)


def uniform(space, depth, expansion, kernel):
    blocks = [f"e{expansion}k{kernel}"] * depth
    stages = [blocks] * 5 + ([blocks[:1]] if space is OFA_PN else [])
    return "|".join(map(",".join, stages))


@pytest.mark.parametrize(
    ("space", "depth", "expansion", "kernel", "params", "macs", "macs_192"),
    [
        (OFA_MBV3, 2, 3, 3, 4_602_456, 193_078_200, 142_834_656),
        (OFA_MBV3, 3, 4, 5, 6_245_312, 385_659_168, 284_524_160),
        (OFA_MBV3, 4, 6, 7, 10_701_632, 843_101_040, 621_268_416),
        (OFA_PN, 2, 3, 3, 3_718_832, 265_526_256, 195_521_984),
        (OFA_PN, 3, 4, 5, 5_053_864, 486_974_112, 358_218_368),
        (OFA_PN, 4, 6, 7, 7_942_056, 1_004_908_032, 738_741_248),
    ],
)
def test_check_values(space, depth, expansion, kernel, params, macs, macs_192):
    architecture = uniform(space, depth, expansion, kernel)
    graph = space.build(architecture)
    assert (parameters(graph), flops(graph, "mac")) == (params, 2 * macs)
    smaller = space.build(architecture, space.FULL.resized(192))
    assert smaller.name == f"{architecture}@192"
    assert (parameters(smaller), flops(smaller, "mac")) == (params, 2 * macs_192)


def test_widths_of_the_full_skeletons():
    assert (OFA_MBV3.FULL.stem, *OFA_MBV3.FULL.widths) == (24, 24, 32, 48, 96, 136, 192)
    assert (OFA_PN.FULL.stem, *OFA_PN.FULL.widths) == (40, 24, 32, 56, 104, 128, 248, 416)
    assert (OFA_MBV3_W10.FULL.stem, *OFA_MBV3_W10.FULL.widths) == (16, 16, 24, 40, 80, 112, 160)
    assert [s.FULL.head for s in (OFA_MBV3, OFA_PN, OFA_MBV3_W10)] == [1152, 1664, 960]


def test_width_one_has_the_parameters_of_the_largest_mobilenet_v3():
    """Count of the network by hand: every weight of its convolutions, norms and classifier."""
    graph = OFA_MBV3_W10.build(uniform(OFA_MBV3_W10, 4, 6, 7))
    total, before = 3 * 16 * 9 + 2 * 16, 16
    total += 16 * 9 + 2 * 16 + 16 * 16 + 2 * 16
    for width, excited in ((24, 0), (40, 1), (80, 0), (112, 1), (160, 1)):
        for _ in range(4):
            mid = 6 * before
            hidden = {96: 24, 144: 40, 240: 64, 480: 120, 672: 168, 960: 240}[mid]
            total += before * mid + 2 * mid + 49 * mid + 2 * mid + mid * width + 2 * width
            total += excited * (2 * mid * hidden + hidden + mid)
            before = width
    total += 160 * 960 + 2 * 960 + 960 * 1280 + 1280 * 1000 + 1000
    assert parameters(graph) == total


@pytest.mark.parametrize("space", [OFA_MBV3, OFA_PN], ids=lambda space: space.FAMILY)
def test_sampler_draws_the_networks_of_the_pseudo_labelled_sets(space, data_folder):
    table = pd.read_parquet(data_folder / "ofa_pseudo" / f"{space.FAMILY}.parquet").head(500)
    columns = (table[name].map(list) for name in ("depths", "kernels", "expands"))
    published = [space.from_lists(*row) for row in zip(*columns, strict=True)]
    assert list(dict.fromkeys(islice(space.architectures(0), 500))) == published


def test_settings_with_unused_entries_are_read(data_folder):
    table = pd.read_parquet(data_folder / "ofa_accuracy" / "ofa_mbv3_w10.parquet").head(200)
    for depths, kernels, expansions in zip(table["d"], table["ks"], table["e"], strict=True):
        stages = OFA_MBV3_W10.parse(OFA_MBV3_W10.from_lists(depths, kernels, expansions))
        for number, (stage, depth) in enumerate(zip(stages, depths, strict=True)):
            used = slice(4 * number, 4 * number + depth)
            assert [e for e, _ in stage] == expansions[used].tolist()
            assert [k for _, k in stage] == kernels[used].tolist()


def test_lists_of_wrong_length_are_refused():
    with pytest.raises(GraphError, match="give 5 depths and 10 or 20"):
        OFA_MBV3.from_lists([2] * 5, [3] * 11, [3] * 11)


@SPACES
@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_architectures_are_in_the_space(space, seed):
    architecture = next(space.architectures(seed))
    stages = space.parse(architecture)
    assert re.fullmatch(r"e[346]k[357]([,|]e[346]k[357])*", architecture)
    assert [len(stage) for stage in stages[:5]] == [
        part.count("e") for part in architecture.split("|")[:5]
    ]
    assert all(2 <= len(stage) <= 4 for stage in stages[:5])


@SPACES
@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text.replace("e3k3", "e5k3", 1),
        lambda text: text.replace("e3k3", "e3k9", 1),
        lambda text: text.replace("e3k3,", "", 1),
        lambda text: text + "|e3k3,e3k3",
        lambda text: text.replace(",", ",,", 1),
        lambda text: "e3k3,e3k3,e3k3," + text,
    ],
)
def test_damaged_string_is_refused(space, change):
    with pytest.raises(GraphError, match="is not a network of"):
        space.build(change(uniform(space, 2, 3, 3)))


def test_upstream_graphs_have_no_hard_activations():
    architecture = uniform(OFA_MBV3, 2, 3, 3)
    kept, expanded = (
        Counter(OPS.name(code) for code in OFA_MBV3.build(architecture, variant=variant).op)
        for variant in ("benchmark", "upstream")
    )
    excited = 3 * 2
    assert (kept["hardswish"], kept["hardsigmoid"], kept["mul"]) == (
        1 + 2 * 6 + 2,
        excited,
        excited,
    )
    assert "relu6" not in kept
    assert not {"hardswish", "hardsigmoid"} & set(expanded)
    assert expanded["relu6"] == expanded["mul"] == kept["hardswish"] + excited


@pytest.mark.parametrize("training", [False, True])
@SPACES
def test_output_equals_plain_pytorch(space, training):
    compare(space, next(space.architectures(0)), space.REDUCED, training)


@SPACES
def test_output_of_a_full_network_equals_plain_pytorch(space):
    compare(space, next(space.architectures(2)), space.FULL.resized(36), training=False)


def compare(space, architecture, skeleton, training):
    graph = space.build(architecture, skeleton)
    check(graph)
    channels = skeleton.shape[2]
    blocks = [
        [(int(block[1]), int(block[3])) for block in stage.split(",")]
        for stage in architecture.split("|")
    ]
    model = ofa_mobile(
        blocks,
        channels,
        skeleton.stem,
        skeleton.stem_stride,
        skeleton.widths,
        skeleton.head,
        skeleton.classes,
        space is not OFA_PN,
    )
    assert_same_outputs(model, graph, training)
