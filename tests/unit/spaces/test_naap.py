"""NAAP-440: check values, all published networks in their order, and plain PyTorch."""

import pandas as pd
import pytest

from archloom.errors import GraphError
from archloom.graph import check, flops, graph_hashes, parameters
from archloom.spaces import naap
from published_counters import thop_macs
from reference_models.layers import assert_same_outputs
from reference_models.naap import network

SPACE = list(naap.enumerate_all())
FIRST = SPACE[0]
RESIDUAL = "k3w12s2r0,k3w16s2r0,k3w16s1r1,k1w32s1r0"
TWICE = "k3w16s2r0,k3w24s2r0,k1w32s1r0,k3w32s1r1"


@pytest.mark.parametrize(
    ("number", "layers", "params", "macs", "listed"),
    [
        (1, "k3w12s2r0,k3w16s2r0,k1w16s1r0", 2_566, 210_080, 231_600),
        (2, "k3w12s2r0,k3w16s2r0,k1w16s1r0,k1w32s1r0", 3_302, 243_008, 273_760),
        (31, "k3w12s2r0,k3w16s2r0,k1w24s1r0,k3w40s1r0", 11_670, 771_472, 806_840),
        (101, "k3w12s2r0,k3w16s2r0,k3w32s1r0,k3w32s2r0", 16_390, 636_224, 663_392),
        (301, "k3w16s2r0,k3w16s2r0,k3w24s1r0,k1w32s2r0", 7_466, 491_840, 521_056),
        (440, "k3w16s2r0,k3w24s2r0,k3w32s2r0,k3w40s1r0", 22_954, 627_088, 654_904),
    ],
)
def test_check_values(number, layers, params, macs, listed):
    assert SPACE[number - 1] == layers
    graph = naap.build(layers)
    assert (parameters(graph), flops(graph, "mac")) == (params, 2 * macs)
    assert thop_macs(graph) == listed


def test_all_published_networks(data_folder):
    table = pd.read_parquet(data_folder / "naap440" / "cifar10.parquet").sort_values("model_id")
    columns = (table[name] for name in ("kernel_size", "width", "stride", "residual"))
    listed = [
        ",".join(f"k{k}w{w}s{s}r{r}" for k, w, s, r in zip(*row, strict=True))
        for row in zip(*columns, strict=True)
    ]
    assert listed == SPACE
    graphs = [naap.build(architecture) for architecture in SPACE]
    assert [parameters(graph) for graph in graphs] == table["params"].tolist()
    assert [thop_macs(graph) for graph in graphs] == table["macs"].tolist()
    assert len(set(graph_hashes(graphs))) == 440


@pytest.mark.parametrize(
    "text",
    [
        "",
        FIRST.rpartition(",")[0],
        FIRST.replace("w16", "w20"),
        FIRST.replace("k3", "k1"),
        FIRST.replace("r0", "r1"),
        "k3w12s2r0,k3w16s2r0,k1w16s2r0,k1w32s2r0",
        "k3w12s2r0,k3w16s2r0,k1w24s1r1",
        f"{FIRST},k1w32s1r0,k1w32s1r0",
    ],
)
def test_string_outside_the_space_is_refused(text):
    with pytest.raises(GraphError, match="at most 3 with s2; r1 only with s1"):
        naap.build(text)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("skeleton", [naap.FULL, naap.REDUCED], ids=lambda one: one.name)
@pytest.mark.parametrize("architecture", [FIRST, SPACE[-1], RESIDUAL, TWICE])
def test_output_equals_plain_pytorch(architecture, skeleton, training):
    graph = naap.build(architecture, skeleton)
    check(graph)
    narrower = skeleton.widths != naap.WIDTHS
    layers = [(k, w // 4 if narrower else w, s, bool(r)) for k, w, s, r in naap.parse(architecture)]
    assert_same_outputs(network(layers, skeleton.shape[2]), graph, training, 1e-8)
