"""Once-for-All ResNet-50 subnets: check values, the space, and plain PyTorch."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import check, flops, parameters
from archloom.spaces import ofa_resnet
from reference_models.layers import assert_same_outputs
from reference_models.mobile import ofa_resnet as network

SMALLEST = ([0] * 5, [0.2] * 18, [0] * 6)
LARGEST = ([2] * 5, [0.35] * 18, [2] * 6)
MIXED = ([2, 0, 1, 2, 0], [0.2, 0.25, 0.35] * 6, [0, 1, 2, 0, 1, 2])
TEXT = "65-80r|100:20,25|65:25,35,20|80:35,20,25,35,20,25|100:35,20"
SETTINGS = st.tuples(
    st.tuples(st.sampled_from((0, 2)), *[st.integers(0, 2)] * 4),
    st.lists(st.sampled_from((0.2, 0.25, 0.35)), min_size=18, max_size=18),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
)


@pytest.mark.parametrize(
    ("lists", "params", "gflops"),
    [(SMALLEST, 6_539_280, 1.924), (LARGEST, 48_105_992, 14.983)],
)
def test_check_values(lists, params, gflops):
    graph = ofa_resnet.build(ofa_resnet.from_lists(*lists))
    assert parameters(graph) == params
    assert flops(graph, "mac") / 1e9 == pytest.approx(gflops, abs=5e-4)


def test_settings_as_text():
    assert ofa_resnet.from_lists(*MIXED) == TEXT
    assert str(ofa_resnet.parse(TEXT)) == TEXT


@settings(max_examples=20)
@given(lists=SETTINGS)
def test_every_setting_is_a_network(lists):
    depths = lists[0]
    architecture = ofa_resnet.from_lists(*lists)
    parsed = ofa_resnet.parse(architecture)
    assert parsed.residual == (depths[0] == 2)
    counts = [base + more for base, more in zip((2, 2, 4, 2), depths[1:], strict=True)]
    assert [len(ratios) for _, ratios in parsed.stages] == counts
    check(ofa_resnet.build(architecture, ofa_resnet.REDUCED))


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("65-80r", "65"),
        TEXT.replace("65-80r", "65-80x"),
        TEXT.replace("65-80r", "66-80"),
        TEXT.replace("|100:35,20", ""),
        TEXT.replace("|100:35,20", "|100:25"),
        TEXT.replace("|100:35,20", "|100:25,36"),
        TEXT.replace("|100:35,20", "|100:35,20,35,35,35"),
        TEXT.replace("|100:35,20", "|100:25,035"),
        TEXT + "|100:35,20",
    ],
)
def test_damaged_string_is_refused(text):
    with pytest.raises(GraphError, match="is not a network of"):
        ofa_resnet.build(text)


def test_lists_of_wrong_length_are_refused():
    with pytest.raises(GraphError, match="give 5, 18 and 6"):
        ofa_resnet.from_lists([0] * 5, [0.2] * 17, [0] * 6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("lists", [SMALLEST, MIXED])
def test_output_equals_plain_pytorch(lists, training):
    compare(lists, ofa_resnet.REDUCED, training)


def test_output_of_a_full_network_with_odd_maps_equals_plain_pytorch():
    compare(MIXED, ofa_resnet.FULL.resized(36), training=False)


def compare(lists, skeleton, training):
    graph = ofa_resnet.build(ofa_resnet.from_lists(*lists), skeleton)
    check(graph)
    channels = skeleton.shape[2]
    stem = (skeleton.stem, skeleton.stem_stride)
    model = network(*lists, channels, *stem, skeleton.widths, skeleton.classes)
    assert_same_outputs(model, graph, training, tolerance=1e-8)
