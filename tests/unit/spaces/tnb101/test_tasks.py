"""TransNAS-Bench-101: check values, published counts of every task, classes, plain PyTorch."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from archloom.errors import ConfigError, GraphError
from archloom.graph import check, flops, graph_hashes, output_shapes, parameters
from archloom.spaces import FAMILIES
from archloom.spaces.tnb101 import macro as tnb101_macro
from archloom.spaces.tnb101 import micro as tnb101_micro
from archloom.spaces.tnb101 import tasks
from published_counters import suite_zero_flops
from reference_models import tnb101 as reference
from reference_models.layers import assert_same_outputs, randomise

MIXED = "64-41414-1_02_313"
TILE = replace(tasks.FULL, name="tile", shape=(64, 64, 3))
PUBLISHED = tasks.TASKS | {
    "class_scene": replace(tasks.FULL, classes=63),
    "class_object": replace(tasks.FULL, classes=100),
}
"""The networks of the zero-cost table: its classifiers have more outputs than the trained ones."""


def cell(digits):
    return f"64-41414-{digits}"


def layout(stages):
    return f"64-{stages}-basic"


def build(architecture, skeleton=tasks.FULL):
    family = "tnb101_macro" if architecture.endswith("basic") else "tnb101_micro"
    return FAMILIES[family].build(architecture, skeleton)


def counts(architecture, task):
    graph = build(architecture, tasks.TASKS[task])
    return parameters(graph), flops(graph, "mac") // 2


def encoder_counts(architecture, skeleton):
    """Parameters, multiply-adds and channels of what lies in front of the head, and its map."""
    graph = build(architecture, skeleton)
    (mean,) = (node for node in range(graph.n_nodes) if graph.op_name(node) == "mean")
    size, _, _, _, channels, _ = graph.resolution[mean].tolist()
    head = skeleton.classes * channels
    params = parameters(graph) - head - skeleton.classes
    return params, flops(graph, "mac") // 2 - head, channels, size


@pytest.mark.parametrize(
    ("digits", "encoder", "macs", "tile_macs", "scene", "scene_macs"),
    [
        ("0_00_000", 19_488, 89_653_248, 5_603_328, 43_599, 89_677_312),
        ("1_11_111", 540_960, 165_150_720, 10_321_920, 565_071, 165_174_784),
        ("1_02_333", 22_520_608, 4_585_947_136, 286_621_696, 22_544_719, 4_585_971_200),
        ("3_33_333", 41_411_616, 8_469_872_640, 529_367_040, 41_435_727, 8_469_896_704),
        ("2_20_123", 10_093_344, 2_077_753_344, 129_859_584, 10_117_455, 2_077_777_408),
        ("1_00_210", 878_368, 257_425_408, 16_089_088, 902_479, 257_449_472),
    ],
)
def test_check_values_of_cells(digits, encoder, macs, tile_macs, scene, scene_macs):
    assert counts(cell(digits), "class_scene") == (scene, scene_macs)
    assert encoder_counts(cell(digits), tasks.FULL)[:2] == (encoder, macs)
    assert encoder_counts(cell(digits), TILE)[1] == tile_macs


@pytest.mark.parametrize(
    ("stages", "channels", "encoder", "scene", "segmentation", "normal"),
    [
        (
            "1234",
            256,
            (3_400_224, 3_998_744_576),
            3_412_303,
            (12_065_105, 6_811_025_408),
            (23_912_787, 9_519_497_216),
        ),
        (
            "4111",
            128,
            (2_317_600, 2_438_463_488),
            2_323_663,
            (9_802_833, 10_611_064_832),
            (21_650_515, 22_435_856_384),
        ),
        (
            "2341",
            256,
            (5_613_600, 3_998_744_576),
            5_625_679,
            (14_278_481, 6_811_025_408),
            (26_126_163, 9_519_497_216),
        ),
        (
            "444311",
            512,
            (39_625_504, 2_157_445_120),
            39_649_615,
            (50_649_681, 3_082_289_152),
            (62_497_363, 3_072_851_968),
        ),
        (
            "111114",
            128,
            (1_284_896, 3_646_423_040),
            1_290_959,
            (8_770_129, 11_819_024_384),
            (20_617_811, 23_643_815_936),
        ),
        (
            "1242",
            512,
            (11_186_464, 13_578_534_912),
            11_210_575,
            (22_210_641, 25_375_014_912),
            (34_058_323, 37_199_806_464),
        ),
    ],
)
def test_check_values_of_layouts(stages, channels, encoder, scene, segmentation, normal):
    assert encoder_counts(layout(stages), tasks.FULL)[:3] == (*encoder, channels)
    assert counts(layout(stages), "class_scene")[0] == scene
    assert counts(layout(stages), "segmentsemantic") == segmentation
    assert counts(layout(stages), "normal") == counts(layout(stages), "autoencoder") == normal


def test_other_heads_of_a_cell():
    assert counts(cell("1_00_210"), "room_layout")[0] == 882_985
    assert counts(cell("1_00_210"), "segmentsemantic") == (11_902_545, 1_635_254_272)
    assert counts(cell("1_00_210"), "normal") == (23_750_227, 2_078_801_920)


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_published_counts_of_every_task(data_folder, step):
    """As single-precision millions, the form of the table. Jigsaw counts one tile."""
    table = pd.read_parquet(data_folder / "transnasbench101_tasks" / "proxies.parquet")
    rows = table.groupby(["space", "task"]).nth(slice(None, None, step))
    assert rows["task"].nunique() == 7
    for row in rows.itertuples():
        if row.task == "jigsaw":
            found = jigsaw_counts(row.arch_str)
        else:
            graph = build(row.arch_str, PUBLISHED[row.task])
            found = parameters(graph), suite_zero_flops(graph)
        assert tuple(np.float32(count / 1e6) for count in found) == (row.params, row.flops)


def jigsaw_counts(architecture):
    """Counts of the jigsaw network as the table has them: operations of one tile's encoder."""
    _, _, channels, size = encoder_counts(architecture, TILE)
    linear = TILE.classes * channels + channels * (size + 1) ** 2
    operations = suite_zero_flops(build(architecture, TILE)) - linear
    operations += 9 * channels * (1000 + (size + 1) ** 2)
    return counts(architecture, "jigsaw")[0], operations


@pytest.mark.parametrize(
    ("architecture", "params", "macs"),
    [
        (cell("1_00_210"), 5_487_368, 149_409_792),
        (layout("1234"), 5_705_224, 2_251_597_824),
        (layout("4111"), 3_470_600, 1_372_787_712),
        (layout("2341"), 7_918_600, 2_251_597_824),
        (layout("444311"), 44_234_504, 1_218_170_880),
        (layout("111114"), 2_437_896, 2_052_264_960),
        (layout("1242"), 15_795_464, 7_642_533_888),
    ],
)
def test_check_values_of_jigsaw(architecture, params, macs):
    assert counts(architecture, "jigsaw") == (params, macs)
    graph = build(architecture, tasks.TASKS["jigsaw"])
    check(graph)
    assert output_shapes(graph)[graph.sinks].tolist() == [[1, 1, 1000]]


def test_published_operations_of_jigsaw_are_those_of_one_tile():
    assert jigsaw_counts(cell("1_00_210")) == (5_487_368, 21_101_056)


@pytest.mark.parametrize("task", ["segmentsemantic", "normal", "autoencoder"])
@pytest.mark.parametrize("architecture", [MIXED, layout("4111"), layout("343411")])
def test_dense_outputs_are_as_large_as_the_image(task, architecture):
    skeleton = tasks.TASKS[task]
    graph = build(architecture, skeleton)
    check(graph)
    assert graph.name == f"{architecture}@{task}"
    expected = [[*skeleton.shape[:2], skeleton.classes]]
    assert output_shapes(graph)[graph.sinks].tolist() == expected


def test_an_image_that_cannot_be_halved_is_refused():
    skeleton = replace(tasks.TASKS["normal"], shape=(250, 250, 3))
    with pytest.raises(ConfigError, match="a multiple of 64"):
        build(MIXED, skeleton)


def test_both_spaces_are_complete_and_their_networks_differ():
    for family, size in ((tnb101_micro, 4096), (tnb101_macro, 3256)):
        architectures = list(family.enumerate_all())
        assert len(architectures) == len(set(architectures)) == size
        some = [family.build(one, family.REDUCED) for one in architectures[::7]]
        assert len(set(graph_hashes(some))) == len(some)


def test_tables_hold_architectures_of_the_spaces(data_folder):
    for family in (tnb101_micro, tnb101_macro):
        name = f"{family.FAMILY.removeprefix('tnb101_')}.parquet"
        table = pd.read_parquet(data_folder / "transnasbench101_tasks" / name)
        assert set(table["arch_str"]) <= set(family.enumerate_all())


@pytest.mark.parametrize(
    ("digits", "expression", "pruned"),
    [
        ("1_02_333", "3(1(x))+3(2(1(x)))+3(x)", "1_02_333"),
        ("3_33_333", "3(3(3(x))+3(x))+3(3(x))+3(x)", "3_33_333"),
        ("3_00_203", "2(x)", "0_00_200"),
        ("0_10_201", "1(x)+2(x)", "0_10_201"),
        ("1_01_001", "1(x)", "1_01_001"),
        ("0_03_130", "1(x)", "0_00_100"),
        ("3_30_000", "0", "0_00_000"),
    ],
)
def test_class_of_a_cell(digits, expression, pruned):
    assert tnb101_micro.cell_class(cell(digits)) == expression
    assert tnb101_micro.pruned(cell(digits)) == cell(pruned)


def test_number_of_classes():
    cells = list(tnb101_micro.enumerate_all())
    by_pruning = pd.Series([tnb101_micro.pruned(one) for one in cells])
    classes = pd.Series([tnb101_micro.cell_class(one) for one in cells])
    assert (by_pruning.nunique(), classes.nunique()) == (2128, 1229)
    assert classes.groupby(by_pruning).nunique().max() == 1
    assert (classes == "0").sum() == 169


def test_cells_that_ignore_the_image_score_as_the_majority_class(data_folder):
    table = pd.read_parquet(data_folder / "transnasbench101_tasks" / "micro.parquet")
    ignoring = table["arch_str"].map(tnb101_micro.cell_class) == "0"
    majority = np.isclose(table["class_scene_top1"], 7.484, atol=1e-3)
    assert ignoring.sum() == 150
    assert (ignoring == majority).all()


def test_dead_edges_count_until_they_are_pruned():
    whole, live = cell("3_00_203"), cell("0_00_200")
    assert encoder_counts(whole, tasks.FULL)[:2] == (14_501_920, 3_025_666_048)
    assert encoder_counts(live, tasks.FULL)[:2] == (704_544, 232_259_584)


@pytest.mark.parametrize(
    "text", ["", "64-41414-4_00_000", "64-41414-0_00_00", "32-41414-0_00_000", "64-4141-0_00_000"]
)
def test_damaged_cell_is_refused(text):
    with pytest.raises(GraphError, match="digits 0 .zero., 1 .skip., 2 .1x1"):
        tnb101_micro.build(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "64-1234-bottleneck",
        "32-1234-basic",
        *map(layout, ("111", "1111234", "1215", "1111", "3333", "33333", "2221", "22224")),
    ],
)
def test_layout_outside_the_space_is_refused(text):
    with pytest.raises(GraphError, match="four to six digits 1 .plain."):
        tnb101_macro.build(text)


def small(task):
    """A skeleton on which a task's network runs in a moment."""
    given = tasks.TASKS[task]
    size = 16 if task == "jigsaw" else 64
    return replace(given, shape=(size, size, given.shape[2]), stem=8, repeats=1, head=64)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "architecture",
    [cell("0_00_000"), cell("3_33_333"), cell("3_10_102"), MIXED, layout("4111"), layout("123412")],
)
def test_output_equals_plain_pytorch(architecture, training):
    compare(architecture, tasks.REDUCED, training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("task", ["segmentsemantic", "normal"])
@pytest.mark.parametrize("architecture", [MIXED, layout("4111"), layout("2331"), layout("343411")])
def test_output_of_a_decoder_equals_plain_pytorch(architecture, task, training):
    compare(architecture, small(task), training)


@pytest.mark.parametrize(
    "architecture", [MIXED, cell("0_00_000"), cell("0_13_102"), layout("4111"), layout("2331")]
)
def test_output_over_tiles_equals_plain_pytorch(architecture):
    with torch.no_grad():
        compare(architecture, small("jigsaw"), training=False)


def test_cells_of_one_class_compute_the_same():
    """Three cells of one convolution each, with the same weights in the same order."""
    cells = [cell(digits) for digits in ("2_00_010", "0_20_001", "0_00_200")]
    assert {tnb101_micro.cell_class(one) for one in cells} == {"2(x)"}
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = []
    for one in cells:
        model = reference.network(one, tasks.REDUCED)
        randomise(model, seed=3)
        outputs.append(model.eval()(x))
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("architecture", [cell("1_02_333"), layout("1342")])
def test_output_of_a_whole_encoder_equals_plain_pytorch(architecture):
    compare(architecture, TILE, training=False)


def test_factorised_reduction_keeps_the_size_of_odd_maps():
    compare(cell("1_11_111"), replace(tasks.REDUCED, shape=(20, 20, 1)), training=False)


def compare(architecture, skeleton, training):
    graph = build(architecture, skeleton)
    check(graph)
    torch.manual_seed(0)
    assert_same_outputs(reference.network(architecture, skeleton), graph, training, 1e-8)
