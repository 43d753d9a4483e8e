"""NAS-Bench-101: check values, the benchmark's own counts, the released graph, plain PyTorch."""

from itertools import islice

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.execute.module import to_torch
from archloom.graph import check, flops, graph_hashes, parameters
from archloom.io import read
from archloom.spaces import nb101, nb101_cells
from reference_models.layers import copy_weights, randomise
from reference_models.nb101 import network, vertex_channels

BEST = "conv3x3~0|conv3x3~0|maxpool3x3~1|conv3x3~3|conv3x3~1,2,4|output~0,5"
SPREAD = "conv1x1~0|conv3x3~0|conv3x3~0|conv3x3~3|maxpool3x3~0|output~1,2,4,5"
CUT_SUM = "conv3x3~0|conv1x1~0|maxpool3x3~1|conv3x3~1,2,3|output~1,2,4"
CUT_POOL = "conv3x3~0|conv1x1~1|maxpool3x3~1|output~1,2,3"
NAMES = {"conv1x1": "conv1x1-bn-relu", "conv3x3": "conv3x3-bn-relu"}


def matrix_of(architecture):
    """Adjacency matrix and benchmark labels of an architecture string, read independently."""
    vertices = [vertex.split("~") for vertex in architecture.split("|")]
    count = len(vertices) + 1
    matrix = np.zeros((count, count), dtype=int)
    for target, (_, sources) in enumerate(vertices, start=1):
        for source in sources.split(","):
            matrix[int(source), target] = 1
    operations = [NAMES.get(operation, operation) for operation, _ in vertices[:-1]]
    return matrix.tolist(), ["input", *operations, "output"]


@st.composite
def matrices(draw):
    """Random upper-triangular matrices of 2 to 7 vertices, with labels; often with loose ends."""
    count = draw(st.integers(2, 7))
    matrix = np.zeros((count, count), dtype=int)
    edges = [(i, j) for i in range(count) for j in range(i + 1, count)]
    for i, j in draw(st.lists(st.sampled_from(edges), max_size=9, unique=True)):
        matrix[i, j] = 1
    labels = draw(
        st.lists(
            st.sampled_from(nb101.OPERATIONS).map(lambda name: NAMES.get(name, name)),
            min_size=count - 2,
            max_size=count - 2,
        )
    )
    return matrix, ["input", *labels, "output"]


@pytest.mark.parametrize(
    ("architecture", "counts"),
    [
        (SPREAD, (2_694_282, 804_005_888)),
        ("conv3x3~0|output~0,1", (11_051_402, 3_261_868_032)),
        ("output~0", (882_570, 275_523_584)),
    ],
)
def test_check_values(architecture, counts):
    graph = nb101.build(architecture)
    assert (parameters(graph), flops(graph, "mac")) == counts


def test_parameters_of_the_benchmark(data_folder):
    table = pd.read_parquet(data_folder / "nasbench101" / "graphs_params_energy_4310.parquet")
    table = table.sample(400, random_state=0)
    graphs = [
        nb101.build(nb101.from_matrix(matrix, labels))
        for matrix, labels in zip(table["adjacency"], table["ops"], strict=True)
    ]
    assert [parameters(graph) for graph in graphs] == table["params"].tolist()
    assert len(set(graph_hashes(graphs))) == len(graphs)


def test_released_graph_is_the_network_of_the_best_cell(data_folder):
    released = read(data_folder / "autogo_cgs" / "nb101_best.json")
    graph = nb101.build(BEST, variant="upstream")
    assert flops(graph) == flops(released) == 11_722_075_156
    assert graph.hash == released.hash


@pytest.mark.parametrize(("vertices", "count"), [(2, 1), (3, 6), (4, 84), (5, 2441)])
def test_number_of_small_cells(vertices, count):
    assert len(nb101_cells.cells(vertices)) == count


def test_enumerated_cells_are_the_423624_of_the_benchmark():
    table = nb101_cells.all_cells()
    assert table.shape == (423_624, 3)
    assert np.bincount(table[:, 0])[2:].tolist() == [1, 6, 84, 2441, 62_010, 359_082]


def test_small_cells_are_all_different_and_complete():
    """Every valid matrix of up to four vertices belongs to exactly one enumerated class."""
    small = list(islice(nb101.enumerate_all(), 1 + 6 + 84))
    listed = {nb101.build(cell, nb101.REDUCED).hash for cell in small}
    assert len(listed) == len(small)
    assert all(nb101.format_cell(nb101.parse(cell)) == cell for cell in small)
    found = set()
    for bits in range(64):
        matrix = np.zeros((4, 4), dtype=int)
        matrix[np.triu_indices(4, 1)] = [bits >> shift & 1 for shift in range(6)]
        for first in nb101.OPERATIONS:
            for second in nb101.OPERATIONS:
                try:
                    cell = nb101.from_matrix(matrix, ["input", first, second, "output"])
                except GraphError:
                    continue
                found.add(nb101.build(cell, nb101.REDUCED).hash)
    assert found == listed


@given(cell=matrices())
def test_pruned_matrix_computes_what_the_matrix_computes(cell):
    matrix, labels = cell
    try:
        architecture = nb101.from_matrix(matrix, labels)
    except GraphError as error:
        assert "no path" in str(error)
        return
    assert nb101.format_cell(nb101.parse(architecture)) == architecture
    pruned, names = matrix_of(architecture)
    assert nb101.from_matrix(pruned, names) == architecture
    assert nb101.channels(nb101.parse(architecture), 16, 32) == vertex_channels(pruned, 16, 32)
    check(nb101.build(architecture, nb101.REDUCED))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "output",
        "output~1",
        "output~0|output~0,1",
        "conv3x3~0",
        "conv3x3~0|output~0",
        "conv3x3~0|output~1,0",
        "conv3x3~0|output~1,1",
        "conv3x3~1|output~1",
        "conv3x3~0|output~01",
        "conv5x5~0|output~1",
        "|".join(["conv3x3~0"] * 6) + "|output~1,2,3,4,5,6",
        "conv3x3~0|conv3x3~0,1|conv3x3~0,1,2|conv3x3~0,1,2,3|output~0,1,2,3,4",
    ],
)
def test_damaged_string_is_refused(text):
    with pytest.raises(GraphError, match="is not an"):
        nb101.build(text)


def test_disconnected_matrix_is_refused():
    with pytest.raises(GraphError, match="no path"):
        nb101.from_matrix([[0, 1, 0], [0, 0, 0], [0, 0, 0]], ["input", "conv3x3", "output"])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("architecture", [BEST, SPREAD, CUT_SUM, CUT_POOL, "output~0"])
def test_output_equals_plain_pytorch(architecture, training):
    skeleton = nb101.REDUCED
    height, width, channels = skeleton.shape
    model = network(*matrix_of(architecture), channels, skeleton.widths, skeleton.repeats)
    randomise(model.double())
    module = to_torch(nb101.build(architecture, skeleton)).double().train(training)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, channels, height, width, generator=generator, dtype=torch.float64)
    copy_weights(model.eval(), module, x)
    torch.testing.assert_close(module(x), model.train(training)(x), rtol=1e-9, atol=1e-9)
