"""NAS-Bench-201: check values, every cell, classes, the released graph, and plain PyTorch."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.execute.module import to_torch
from archloom.graph import check, flops, graph_hashes, is_valid, parameters
from archloom.io import read
from archloom.spaces import nb201
from reference_models.layers import copy_weights, randomise
from reference_models.nb201 import network

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)
CELLS = st.lists(st.sampled_from(nb201.OPERATIONS), min_size=6, max_size=6).map(nb201.format_cell)


def cell(*operations):
    return nb201.format_cell(operations)


def uniform(operation):
    return cell(*[operation] * 6)


def test_parameters_of_the_benchmark_network():
    assert parameters(nb201.build(uniform("none"))) == 73_306
    assert parameters(nb201.build(uniform("skip_connect"))) == 73_306
    assert parameters(nb201.build(uniform("nor_conv_3x3"))) == 1_531_546


@pytest.mark.parametrize("edge", range(6))
@pytest.mark.parametrize(("operation", "taps"), [("nor_conv_3x3", 9), ("nor_conv_1x1", 1)])
def test_parameters_that_an_edge_adds(edge, operation, taps):
    operations = ["none"] * 6
    operations[edge] = operation
    added = sum(5 * (taps * width**2 + 2 * width) for width in (16, 32, 64))
    assert parameters(nb201.build(cell(*operations))) == 73_306 + added


@pytest.mark.parametrize("variant", ["benchmark", "upstream"])
@given(architecture=CELLS)
def test_string_round_trip_and_validity(variant, architecture):
    assert nb201.format_cell(nb201.parse(architecture)) == architecture
    check(nb201.build(architecture, nb201.REDUCED, variant))


@pytest.mark.slow
def test_all_cells_are_valid_and_different():
    graphs = [nb201.build(cell, nb201.REDUCED) for cell in nb201.enumerate_all()]
    assert len(graphs) == 15_625
    assert len(set(graph_hashes(graphs))) == 15_625
    assert all(is_valid(graph) for graph in graphs)


def test_released_graph_is_the_upstream_network_of_the_best_cell(data_folder):
    released = read(data_folder / "autogo_cgs" / "nb201_best.json")
    graph = nb201.build(BEST, variant="upstream")
    assert (graph.n_nodes, graph.n_edges) == (306, 352)
    assert flops(graph) == flops(released) == 312_767_892
    assert graph.hash == released.hash


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        BEST[:-1],
        BEST.replace("~2", "~0"),
        BEST.replace("nor_conv_1x1", "conv_1x1"),
        BEST + "+|none~0|",
        uniform("none").replace("+", "", 1),
    ],
)
def test_damaged_string_is_refused(text):
    with pytest.raises(GraphError, match="is not an"):
        nb201.build(text)


def test_sample_over_some_operations_ends_with_the_space():
    graphs = nb201.sample(1000, 0, nb201.REDUCED, operations=("nor_conv_1x1", "nor_conv_3x3"))
    assert len({graph.name for graph in graphs}) == len(graphs) == 2**6


def test_classes_contain_those_of_the_literature(data_folder):
    table = pd.read_parquet(data_folder / "nasbench201" / "accuracy.parquet")
    assert set(table["arch_str"]) == set(nb201.enumerate_all())
    ours = table["arch_str"].map(nb201.cell_class)
    assert (ours.nunique(), table["isomorph_index"].nunique()) == (4930, 6466)
    assert ours.groupby(table["isomorph_index"]).nunique().max() == 1
    constant = table[ours == "0"]
    assert np.allclose(constant["cifar10_test_acc_200"], 10.0)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (uniform("none"), cell("nor_conv_3x3", "none", "none", "none", "none", "none"), True),
        (
            cell("nor_conv_3x3", "none", "none", "none", "skip_connect", "none"),
            cell("none", "nor_conv_3x3", "none", "none", "none", "skip_connect"),
            True,
        ),
        (
            cell("skip_connect", "none", "skip_connect", "none", "none", "nor_conv_1x1"),
            cell("none", "none", "none", "nor_conv_1x1", "none", "none"),
            True,
        ),
        (
            cell("none", "none", "none", "nor_conv_1x1", "none", "none"),
            cell("none", "none", "none", "nor_conv_3x3", "none", "none"),
            False,
        ),
        (
            cell("skip_connect", "none", "none", "skip_connect", "skip_connect", "none"),
            cell("none", "none", "none", "skip_connect", "none", "none"),
            False,
        ),
    ],
)
def test_class_of_a_cell(first, second, same):
    assert (nb201.cell_class(first) == nb201.cell_class(second)) == same


def test_equal_class_means_equal_output():
    """Cells of one class without a shared convolution, with the same weights in the same order."""
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = []
    for operations in (
        ("nor_conv_3x3", "none", "none", "none", "nor_conv_1x1", "none"),
        ("none", "nor_conv_3x3", "skip_connect", "none", "none", "nor_conv_1x1"),
        ("nor_conv_3x3", "none", "skip_connect", "none", "none", "nor_conv_1x1"),
    ):
        model = network(cell(*operations), 1, nb201.REDUCED.widths, 1)
        randomise(model, seed=3)
        outputs.append(model.eval()(x))
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("variant", ["benchmark", "upstream"])
@pytest.mark.parametrize(
    "architecture",
    [
        BEST,
        uniform("none"),
        cell("none", "avg_pool_3x3", "nor_conv_3x3", "skip_connect", "none", "nor_conv_1x1"),
        cell("avg_pool_3x3", "none", "avg_pool_3x3", "none", "none", "avg_pool_3x3"),
    ],
)
def test_output_equals_plain_pytorch(architecture, variant, training):
    skeleton = nb201.FULL if architecture == BEST and not training else nb201.REDUCED
    height, width, channels = skeleton.shape
    model = network(
        architecture,
        channels,
        skeleton.widths,
        skeleton.repeats,
        upstream=variant == "upstream",
    )
    randomise(model.double())
    module = to_torch(nb201.build(architecture, skeleton, variant)).double().train(training)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, channels, height, width, generator=generator, dtype=torch.float64)
    copy_weights(model.eval(), module, x)
    torch.testing.assert_close(module(x), model.train(training)(x), rtol=1e-9, atol=1e-9)


def test_cells_are_ordered_by_their_operations():
    cells = list(nb201.enumerate_all())
    assert cells == [cell(*ops) for ops in product(nb201.OPERATIONS, repeat=6)]


def test_upstream_samples_are_the_cells_without_none():
    graphs = nb201.sample(5000, 0, nb201.REDUCED, "upstream")
    assert len({graph.hash for graph in graphs}) == len(graphs) == 4096
    assert not any("none" in graph.name for graph in graphs)


def test_a_sum_comes_behind_the_edges_that_do_not_need_it():
    """The first reads states 1 and 2's edges but only the last edge reads it (the reference's
    order)."""
    graph = nb201.build(uniform("avg_pool_3x3"), nb201.REDUCED)
    names = [graph.op_name(node) for node in range(graph.n_nodes)]
    assert names[3:11] == ["avgpool"] * 5 + ["add", "avgpool", "add"]
