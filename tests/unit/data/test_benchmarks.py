"""The published tables: sizes, classes, noise and known figures; conversions of NASLib's cells."""

import numpy as np
import pytest

from archloom.data import naslib
from archloom.data.benchmarks import BENCHMARKS, read_benchmark
from archloom.errors import DataError
from archloom.graph import parameters
from archloom.spaces import FAMILIES, function_class


@pytest.fixture(scope="module")
def tables(data_folder):
    """All tables by name."""
    return {name: read_benchmark(name) for name in BENCHMARKS}


@pytest.mark.parametrize(
    ("name", "rows", "classes"),
    [
        ("nb101", 500, 292),
        ("nb201", 15_625, 4_930),
        ("nb201_valid", 15_625, 4_930),
        ("nb201_tasks", 15_625, 4_930),
        ("nb201_robustness", 15_625, 4_930),
        ("nb201_latency", 15_625, 4_930),
        ("nb201_hardware", 15_625, 4_930),
        ("nb201_more", 199, 145),
        ("nb301", 1_218, 1_218),
        ("darts", 545, 526),
        ("darts_600", 214, 214),
        ("darts_more", 199, 199),
        ("nb_macro", 6_561, 3_969),
        ("tnb101_micro", 3_596, 1_113),
        ("tnb101_macro", 2_856, 2_856),
        ("tnb101_micro_times", 4_096, 1_229),
        ("tnb101_micro_more", 192, 117),
        ("mnasnet", 4_538, 4_526),
        ("naap", 440, 440),
        ("enas", 20_020, 8_765),
        ("ofa_160", 879, 879),
        ("compofa_192", 528, 528),
    ],
)
def test_sizes(tables, name, rows, classes):
    table = tables[name]
    assert (len(table), len(set(table.classes))) == (rows, classes)
    assert len(table.merged()) == classes


def test_every_table_is_well_formed(tables):
    for name, table in tables.items():
        assert table.name == name
        assert table.family in FAMILIES
        for metric, values in table.values.items():
            assert np.isfinite(values).any()
            if table.metrics[metric].unit == "fraction":
                assert 0 <= np.nanmin(values) < np.nanmax(values) <= 1
        assert set(table.split) <= {"", "train", "val", "test"}


def test_every_table_but_those_of_other_networks_builds_its_own(tables):
    for table in tables.values():
        if table.skeleton is not None:
            (graph,) = table.take(np.array([0])).graphs()
            assert graph.family == table.family


def test_classes_are_functions_but_for_the_network_that_was_trained(tables):
    for name in ("nb201", "tnb101_micro", "darts"):
        table = tables[name].take(np.arange(50))
        assert list(table.classes) == [
            function_class(table.family, one) for one in table.architectures
        ]
    assert {name.partition("/")[0] for name in tables["enas"].classes} == {"5,5,5,5,5,5"}


@pytest.mark.parametrize(
    ("name", "metric", "noise"),
    [
        ("tnb101_micro", "class_scene_top1", 0.0036),
        ("tnb101_micro", "class_object_top1", 0.0061),
        ("tnb101_micro", "jigsaw_top1", 0.0170),
        ("tnb101_micro", "room_layout_neg_loss", 0.0105),
        ("tnb101_micro", "segmentsemantic_pixel_acc", 0.00036),
        ("tnb101_micro", "normal_ssim", 0.0072),
        ("tnb101_micro", "autoencoder_ssim", 0.023),
        ("nb_macro", "mean_acc", 0.0012),
        ("ofa_160", "top1", 0.0040),
        ("compofa_160", "top1", 0.0056),
    ],
)
def test_noise(tables, name, metric, noise):
    assert tables[name].metrics[metric].noise == pytest.approx(noise, rel=0.03)


def test_noise_of_repeated_mnasnets(tables):
    """Two trainings of a network differ by 0.22 points on average, by 1.28 at most."""
    table = tables["mnasnet"]
    counts = np.bincount(table.codes)
    pairs = [table.values["val_top1"][table.codes == code] for code in np.flatnonzero(counts == 2)]
    gaps = np.abs([first - second for first, second in pairs])
    assert (len(gaps), counts.max()) == (12, 2)
    assert gaps.mean() == pytest.approx(0.0022, abs=5e-5)
    assert gaps.max() == pytest.approx(0.0128, abs=5e-5)
    assert table.metrics["val_top1"].noise == pytest.approx(np.sqrt((gaps**2).mean() / 2))


def test_copied_labels_and_times_of_dead_operations_tell_no_noise(tables):
    times = ("nb201_latency", "nb201_hardware", "tnb101_micro_times")
    for name in ("enas", "naap", "tnb101_macro", "darts_600", *times):
        assert all(metric.noise is None for metric in tables[name].metrics.values())


@pytest.mark.parametrize(
    ("name", "metric", "architecture", "value"),
    [
        ("nb_macro", "mean_acc", "22212202", 0.93127),
        ("naap", "max_acc", "k3w12s2r0,k3w16s2r0,k1w16s1r0", 0.5888),
        ("tnb101_macro", "class_scene_top1", "64-111114-basic", 0.5104996),
        ("tnb101_micro_times", "class_scene_ms", "64-41414-0_00_000", 4.462397),
        (
            "nb201",
            "cifar10_test_acc_200",
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
            "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
            0.943733,
        ),
        ("enas", "ws_acc", "1,4,5,0,2,3/000111111100001", 0.7302),
    ],
)
def test_known_values(tables, name, metric, architecture, value):
    table = tables[name]
    row = table.architectures.index(architecture)
    assert table.values[metric][row] == pytest.approx(value, abs=1e-5)


def test_cells_at_chance_are_constant(tables):
    table = tables["nb201"]
    constant = np.array([name == "0" for name in table.classes])
    np.testing.assert_allclose(table.values["cifar10_test_acc_200"][constant], 0.1)


def test_all_tables_of_nb201_have_its_cells_in_its_order(tables):
    cells = tables["nb201"].architectures
    for name in (
        "nb201_valid",
        "nb201_tasks",
        "nb201_robustness",
        "nb201_latency",
        "nb201_hardware",
    ):
        assert tables[name].architectures == cells
    clean = tables["nb201_robustness"].values["cifar10_valid_acc"]
    np.testing.assert_allclose(clean, tables["nb201_valid"].values["cifar10_valid_acc_200"])


def test_columns_of_nb201_are_complete(tables):
    sizes = {name: len(tables[name].metrics) for name in tables if name.startswith("nb201")}
    assert sizes == {
        "nb201": 9,
        "nb201_valid": 3,
        "nb201_tasks": 2,
        "nb201_robustness": 1 + 3 * 7 + 11,
        "nb201_latency": 27,
        "nb201_hardware": 3 * (6 + 3),
        "nb201_more": 3,
    }
    assert not tables["nb201_hardware"].metrics["cifar10_fpga_energy"].larger_is_better


def test_networks_of_once_for_all_have_their_image_size(tables):
    (graph,) = tables["ofa_128"].take(np.array([3])).graphs()
    assert graph.name.endswith("@128")
    assert graph.resolution[graph.sources[0], 0] == 128


def test_darts_networks_have_the_published_parameters(tables, data_folder):
    import pandas as pd

    published = pd.read_parquet(data_folder / "darts_pairs" / "darts_bench_545.parquet")
    rows = np.arange(0, 545, 90)
    found = [parameters(graph) for graph in tables["darts"].take(rows).graphs()]
    assert found == (published["params_m"].iloc[rows] * 1e6).round().astype(int).tolist()


def test_splits_of_the_tables(tables):
    parts = tables["mnasnet"].split
    assert [parts.count(part) for part in ("train", "val", "test", "")] == [3614, 456, 454, 14]
    assert tables["naap"].split.count("test") == 40


def test_unknown_table_is_refused():
    with pytest.raises(DataError, match="no benchmark 'nb102': choose one of nb101, nb201"):
        read_benchmark("nb102")


def test_cells_of_naslib():
    """Edges 0-1, 0-2, 0-3, 1-2, 1-3, 2-3, and numbers of its own."""
    assert naslib.tnb101_cell("[0, 3, 1, 0, 2, 3]") == "64-41414-1_21_032"
    cell = "|skip_connect~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|none~2|"
    assert naslib.nb201_cell("[0, 3, 1, 4, 2, 1]") == cell
    pairs = [[0, 5], [1, 3], [1, 5], [2, 0], [1, 5], [2, 1], [0, 5], [4, 4]]
    normal = naslib.darts_cells(f"[{pairs}, {pairs}]").partition(";")[0]
    assert normal.startswith("dil_conv_3x3~0,sep_conv_3x3~1|dil_conv_3x3~1,max_pool_3x3~2|")
