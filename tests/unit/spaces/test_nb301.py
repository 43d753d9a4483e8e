"""DARTS cells: check values, published genotypes, the sampler, and plain PyTorch."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.graph import check, flops, parameters
from archloom.spaces import nb301
from reference_models.layers import assert_same_outputs
from reference_models.nb301 import Network

SEP, SKIP, POOL = "sep_conv_3x3", "skip_connect", "max_pool_3x3"
NORMAL = [
    [(SEP, 0), (SEP, 1)],
    [(SEP, 0), (SEP, 1)],
    [(SEP, 1), (SKIP, 0)],
    [(SKIP, 0), ("dil_conv_3x3", 2)],
]
REDUCTION = [
    [(POOL, 0), (POOL, 1)],
    [(SKIP, 2), (POOL, 1)],
    [(POOL, 0), (SKIP, 2)],
    [(SKIP, 2), (POOL, 1)],
]


def words(normal, reduction):
    cells = [
        [",".join(f"{o}~{s}" for o, s in step) for step in cell] for cell in (normal, reduction)
    ]
    return ";".join("|".join(cell) for cell in cells)


DARTS_V2 = words(NORMAL, REDUCTION)
MIXED = words(
    [
        [("dil_conv_5x5", 0), ("avg_pool_3x3", 1)],
        [("none", 0), ("sep_conv_5x5", 2)],
        [("skip_connect", 3), ("max_pool_3x3", 0)],
        [("dil_conv_3x3", 4), ("avg_pool_3x3", 3)],
    ],
    [
        [("skip_connect", 0), ("avg_pool_3x3", 1)],
        [("none", 0), ("sep_conv_5x5", 1)],
        [("dil_conv_5x5", 0), ("dil_conv_3x3", 3)],
        [("sep_conv_3x3", 1), ("skip_connect", 4)],
    ],
)


def scaled(width, cells):
    """The skeleton of a network with ``cells`` cells whose first ones have ``width`` channels."""
    widths = (width, 2 * width, 4 * width)
    return replace(nb301.FULL, name="own", widths=widths, stem=3 * width, repeats=(cells - 2) // 3)


@pytest.mark.parametrize(
    ("width", "cells", "count"), [(36, 20, 3_349_342), (16, 20, 710_682), (32, 8, 919_722)]
)
def test_check_values(width, cells, count):
    assert parameters(nb301.build(DARTS_V2, scaled(width, cells))) == count


def test_full_skeleton_has_the_8_cells_of_the_benchmark():
    assert nb301.build(DARTS_V2).hash == nb301.build(DARTS_V2, scaled(32, 8)).hash


def test_parameters_of_published_networks(data_folder):
    table = pd.read_parquet(data_folder / "darts_pairs" / "darts_bench_545.parquet").iloc[::10]
    skeleton = scaled(36, 20)
    found = [
        parameters(nb301.build(nb301.from_genotype(text), skeleton)) for text in table["genotype"]
    ]
    assert found == (table["params_m"] * 1e6).round().astype(int).tolist()


def test_published_genotypes_are_read(data_folder):
    for name in ("darts_bench_545", "darts_random_214"):
        table = pd.read_parquet(data_folder / "darts_pairs" / f"{name}.parquet")
        for text in table["genotype"]:
            architecture = nb301.from_genotype(text)
            pairs = re.findall(r"'(\w+)', (\d)", text)
            assert re.findall(r"(\w+)~(\d)", architecture) == pairs


def test_genotype_may_be_nested_and_list_its_states():
    pairs = [str(step) for step in (NORMAL, REDUCTION)]
    text = f"Genotype(normal={pairs[0]}, normal_concat=[2, 3, 4, 5], reduce={pairs[1]}, "
    assert nb301.from_genotype(text + "reduce_concat=range(2, 6))") == DARTS_V2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Genotype(normal=[], normal_concat=range(2, 6), reduce=[], reduce_concat=range(2, 6))",
        f"Genotype(normal={NORMAL}, normal_concat=[3, 4], reduce={NORMAL}, reduce_concat=[3, 4])",
        "__import__('os')",
    ],
)
def test_damaged_genotype_is_refused(text):
    with pytest.raises(GraphError, match="is not a"):
        nb301.from_genotype(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an operation"),
        (DARTS_V2.partition(";")[0], "is not a pair"),
        (DARTS_V2.replace("dil_conv_3x3~2", "dil_conv_3x3~5"), "is not a pair"),
        (DARTS_V2.replace("dil_conv_3x3~2", "dil_conv_3x3"), "is not a pair"),
        (DARTS_V2.replace("dil_conv_3x3~2", "dil_conv_7x7~2"), "not an operation"),
        (DARTS_V2.replace(",dil_conv_3x3~2", ""), "is not a pair"),
        (DARTS_V2.replace("skip_connect~0", "skip_connect~00"), "is not a pair"),
    ],
)
def test_damaged_string_is_refused(text, message):
    with pytest.raises(GraphError, match=message):
        nb301.build(text)


@pytest.mark.parametrize(
    ("normal", "reduction", "params", "macs"),
    [
        ("0413022323032635", "0313110523024431", 1_219_498, 196_342_784),
        ("1106110311250144", "0111042404152440", 929_450, 152_663_040),
        ("0110021412263443", "1101031526304001", 857_258, 149_312_512),
        ("1303031510334322", "0111051605343422", 1_093_226, 177_959_936),
        ("0212" * 4, "0212" * 4, 559_338, 95_982_592),
        ("0313" * 4, "0313" * 4, 1_520_874, 233_477_120),
    ],
)
def test_check_values_of_integers(normal, reduction, params, macs):
    graph = nb301.build(nb301.from_integers([*map(int, normal)], [*map(int, reduction)]))
    assert (parameters(graph), flops(graph, "mac")) == (params, 2 * macs)


def test_published_integers_are_different_networks(data_folder):
    table = pd.read_parquet(data_folder / "nasbench_suite_zero" / "nasbench301.parquet")
    rows = zip(table["normal"], table["reduce"], strict=True)
    assert len({nb301.from_integers(*row) for row in rows}) == len(table) == 12_439


def test_order_of_edges_does_not_change_the_network():
    swapped = words([step[::-1] for step in NORMAL], REDUCTION)
    assert nb301.canonical(swapped) == nb301.canonical(DARTS_V2)
    assert nb301.build(swapped, nb301.REDUCED).hash == nb301.build(DARTS_V2, nb301.REDUCED).hash


def test_integers_outside_the_space_are_refused():
    with pytest.raises(GraphError, match="operations are 0 to 6"):
        nb301.from_integers([0, 7] * 8, [0, 1] * 8)
    with pytest.raises(GraphError, match="is not a pair"):
        nb301.from_integers([0, 1] * 7, [0, 1] * 8)


@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_steps_read_two_different_states(seed):
    architecture = next(nb301.architectures(seed))
    for cell in nb301.parse(architecture):
        for number, step in enumerate(cell, start=2):
            states = [state for _, state in step]
            assert states == sorted(set(states))
            assert states[-1] < number


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("variant", ["benchmark", "upstream"])
@pytest.mark.parametrize("architecture", [DARTS_V2, MIXED, next(nb301.architectures(1))])
def test_output_equals_plain_pytorch(architecture, variant, training):
    compare(architecture, nb301.REDUCED, 5, variant, training)


def test_output_of_a_full_network_equals_plain_pytorch():
    compare(MIXED, nb301.FULL, 8, "benchmark", training=False)


def compare(architecture, skeleton, cells, variant, training):
    graph = nb301.build(architecture, skeleton, variant)
    check(graph)
    channels = skeleton.shape[2]
    pairs = [
        [[(edge.split("~")[0], int(edge[-1])) for edge in step.split(",")] for step in cell]
        for cell in (text.split("|") for text in architecture.split(";"))
    ]
    first = skeleton.widths[0]
    model = Network(*pairs, channels, skeleton.stem, first, cells, variant == "upstream")
    assert_same_outputs(model, graph, training)
