"""HiAML: check values of the 14 blocks, ranges, the released graph, and plain PyTorch."""

import numpy as np
import pytest
import torch

from archloom.errors import GraphError
from archloom.graph import check, flops, parameters
from archloom.io import read
from archloom.spaces import hiaml
from reference_models.hiaml import network
from reference_models.layers import assert_same_outputs

CHECK_VALUES = {
    "z": (2_714_698, 233_673_728),
    "a22": (1_895_498, 166_564_864),
    "b23": (2_390_090, 198_022_144),
    "j30": (2_756_426, 235_770_880),
    "g30": (2_597_194, 214_799_360),
    "r30": (2_638_922, 216_896_512),
    "l20": (1_688_394, 149_787_648),
    "t20": (1_281_098, 109_941_760),
    "t31": (2_638_922, 216_896_512),
    "src0": (3_861_578, 317_559_808),
    "src1": (2_939_594, 298_685_440),
    "src3": (1_999_818, 181_244_928),
    "src7": (2_637_386, 216_896_512),
    "src8": (1_611_082, 133_010_432),
}


def uniform(block):
    return "-".join([block] * hiaml.STAGES)


def test_check_values_cover_all_blocks():
    assert tuple(CHECK_VALUES) == hiaml.BLOCKS


@pytest.mark.parametrize("block", hiaml.BLOCKS)
def test_check_values(block):
    graph = hiaml.build(uniform(block))
    assert (parameters(graph), flops(graph, counter="mac")) == CHECK_VALUES[block]


def test_space_and_ranges_of_random_networks():
    assert len(set(hiaml.enumerate_all())) == 14**4
    graphs = hiaml.sample(300, 0)
    counted = np.array([(parameters(g), flops(g, counter="mac")) for g in graphs]) / 1e6
    assert counted.mean(axis=0) == pytest.approx([2.36, 205], rel=0.05)
    low, high = counted.min(axis=0), counted.max(axis=0)
    assert (low >= [1.281, 109.9]).all() and (low <= [1.5, 145]).all()
    assert (high >= [3.3, 270]).all() and (high <= [3.862, 317.6]).all()


def test_stages_of_the_full_skeleton():
    graph = hiaml.build(uniform("l20"))
    sizes = {tuple(row) for row in graph.resolution[:, [1, 5]].tolist()}
    assert {(16, 64), (8, 128), (4, 256)} <= sizes


def test_released_graph_is_an_upstream_network(data_folder):
    released = read(data_folder / "autogo_cgs" / "hiaml_best.json")
    graph = hiaml.build("src1-src1-r30-src3", variant="upstream")
    assert flops(graph) == flops(released) == 246_314_516
    assert graph.hash == released.hash


@pytest.mark.parametrize("text", ["", "z", "z-z-z", "z-z-z-z-z", "z-z-z-q", "z-z-z-"])
def test_damaged_string_is_refused(text):
    with pytest.raises(GraphError, match=r"not an operation|names \d blocks"):
        hiaml.build(text)


@pytest.mark.parametrize("variant", ["benchmark", "upstream"])
@pytest.mark.parametrize("block", hiaml.BLOCKS)
def test_output_equals_plain_pytorch(block, variant):
    compare(uniform(block), hiaml.REDUCED, variant, training=False)


@pytest.mark.parametrize("training", [False, True])
def test_output_of_a_full_network_equals_plain_pytorch(training):
    compare("g30-src1-t31-r30", hiaml.FULL, "benchmark", training)


def compare(architecture, skeleton, variant, training):
    graph = hiaml.build(architecture, skeleton, variant)
    check(graph)
    channels = skeleton.shape[2]
    model = network(
        architecture.split("-"),
        channels,
        skeleton.stem,
        skeleton.stem_stride,
        skeleton.widths,
        skeleton.repeats,
        torch.nn.ReLU6 if variant == "benchmark" else torch.nn.ReLU,
    )
    assert_same_outputs(model, graph, training)
