"""Inception: the sampler's rules and ranges, the released graph, and plain PyTorch."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import check, flops, parameters
from archloom.io import read
from archloom.spaces import inception
from reference_models.inception import network
from reference_models.layers import assert_same_outputs

LONG = "+".join(
    [
        "conv5x5",
        "inception_p5x5",
        "conv1x1",
        "conv3x3",
        "inception_s3x3",
        "conv5x5",
        "inception_s3x3",
        "depthwise5x5",
        "inception_p3x3",
        "inception_s5x5",
        "depthwise5x5",
    ]
)
RELEASED = (
    "6*depthwise5x5:16:16|inception_s3x3:16:16|depthwise5x5+conv5x5:16:16;"
    "2*conv5x5+double1x1:128:64;"
    "5*conv3x3:128:128;"
    f"3*inception_s5x5:64:64|{LONG}:32:64|inception_p3x3+inception_s3x3:32:64"
    "|inception_s3x3:64:64"
)
PLAIN = "2*conv3x3:32:32;2*conv3x3:64:64;2*conv3x3:128:128;2*conv3x3:256:256"


def sampled(count, seed=0):
    return list(islice(inception.architectures(seed), count))


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_architectures_obey_the_rules(seed):
    (architecture,) = sampled(1, seed)
    stages = inception.parse(architecture)
    assert inception.format_stages(stages) == architecture
    assert parameters(inception.build(architecture)) <= inception.MAX_PARAMETERS
    for stage, width in zip(stages, inception.FULL.widths, strict=True):
        number = len(stage.paths)
        assert 2 <= stage.blocks <= 6
        assert 1 <= number <= 4
        counts = [len(path.operations) for path in stage.paths]
        assert sum(counts) <= inception.MAX_OPERATIONS[number]
        assert min(counts) >= inception.MIN_OPERATIONS[number]
        assert sum(path.width for path in stage.paths) >= width
        for path in stage.paths:
            assert min(path.inner, path.width) >= 16
            assert path.inner / path.width in (0.5, 1, 2)
            extra = [o for o in path.operations if o in inception.SUPPLEMENTARY_OPERATIONS]
            assert len(extra) <= 1
            assert len(extra) < len(path.operations)


def test_ranges_of_random_networks():
    """The reference's mean is 4.87 million parameters with networks above our limit."""
    graphs = inception.sample(120, 0)
    size = np.array([parameters(g) for g in graphs]) / 1e6
    cost = np.array([flops(g, counter="mac") for g in graphs]) / 1e9
    assert np.median(size) == pytest.approx(4.05, rel=0.1)
    assert cost.mean() == pytest.approx(0.443, rel=0.1)
    assert (size.min(), cost.min()) == pytest.approx((1.5, 0.12), rel=0.3)
    assert size.max() <= 20
    assert cost.max() <= 2.84


def test_stages_halve_the_map_and_double_the_channels():
    graph = inception.build(PLAIN)
    sizes = {tuple(row) for row in graph.resolution[:, [1, 5]].tolist()}
    assert {(32, 32), (16, 64), (8, 128), (4, 256), (4, 512)} <= sizes


def test_released_graph_is_an_upstream_network(data_folder):
    released = read(data_folder / "autogo_cgs" / "inception_best.json")
    graph = inception.build(RELEASED, variant="upstream")
    assert flops(graph) == flops(released) == 493_881_364
    assert graph.hash == released.hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not an Inception"),
        (PLAIN.rpartition(";")[0], "is not an Inception"),
        (PLAIN + ";2*conv3x3:256:256", "is not an Inception"),
        (PLAIN.replace("2*", "02*", 1), "is not an Inception"),
        (PLAIN.replace("conv3x3:32:32", "conv3x3:32"), "is not an Inception"),
        (PLAIN.replace("conv3x3:32:32", "conv3x3:0:32"), "is not an Inception"),
        (PLAIN.replace("2*", "0*", 1), "is not an Inception"),
        (PLAIN.replace("conv3x3:32", "conv7x7:32"), "not an operation"),
        (PLAIN.replace("conv3x3:32", "conv1x1+avgpool3x3:32"), "needs one of"),
    ],
)
def test_damaged_string_is_refused(text, message):
    with pytest.raises(GraphError, match=message):
        inception.build(text)


@pytest.mark.parametrize("variant", ["benchmark", "upstream"])
@pytest.mark.parametrize("operation", inception.OPERATIONS)
def test_output_with_each_operation_equals_plain_pytorch(operation, variant):
    text = (
        f"1*{operation}+conv3x3:32:16|conv3x3:16:16;2*conv5x5+{operation}:128:32|conv3x3:16:16;"
        f"2*conv3x3+{operation}+inception_s3x3:64:128;1*conv3x3+{operation}:256:256"
    )
    compare(text, inception.REDUCED, variant, training=False)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("architecture", [RELEASED, *sampled(1, seed=3)])
def test_output_equals_plain_pytorch(architecture, training):
    compare(architecture, inception.REDUCED, "benchmark", training)


def test_output_of_a_full_network_equals_plain_pytorch():
    compare(sampled(1, seed=5)[0], inception.FULL, "upstream", training=False)


def read_stages(architecture, factor):
    stages = []
    for text in architecture.split(";"):
        blocks, paths = text.split("*")
        parts = [path.split(":") for path in paths.split("|")]
        stages.append(
            (int(blocks), [(o.split("+"), int(i) // factor, int(w) // factor) for o, i, w in parts])
        )
    return stages


def compare(architecture, skeleton, variant, training):
    graph = inception.build(architecture, skeleton, variant)
    check(graph)
    channels = skeleton.shape[2]
    stages = read_stages(architecture, inception.FULL.stem // skeleton.stem)
    on_branches = variant == "benchmark"
    model = network(stages, channels, skeleton.stem, skeleton.widths, skeleton.head, on_branches)
    assert_same_outputs(model, graph, training)
