"""Benchmark labels and pseudo-labels."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archloom.data.sources import NO_SEED, benchmark_labels, pseudo_labels
from archloom.errors import DataError
from archloom.spaces import nb201

COLUMN = "cifar10_test_acc_200"


@pytest.fixture
def graphs():
    return nb201.sample(3, seed=0)


@pytest.fixture
def table(graphs, tmp_path):
    columns = {"arch_str": [g.name for g in graphs], COLUMN: [90.0, 91.5, 10.0]}
    pq.write_table(pa.table(columns), tmp_path / "accuracy.parquet")
    return tmp_path / "accuracy.parquet"


def test_accuracies_are_fractions_by_graph_whatever_the_order(graphs, table):
    labels = benchmark_labels(reversed(graphs), table, COLUMN)
    assert [label.graph for label in labels] == [g.hash for g in reversed(graphs)]
    assert [label.value for label in labels] == pytest.approx([0.1, 0.915, 0.9])
    assert {(label.provenance, label.recipe, label.seed) for label in labels} == {
        ("benchmark", COLUMN, NO_SEED)
    }


def test_networks_of_another_size_are_refused(table):
    with pytest.raises(DataError, match="as published"):
        benchmark_labels(nb201.sample(1, 0, nb201.REDUCED), table, COLUMN)


def test_both_variants_have_the_accuracy_of_their_architecture(graphs, table):
    upstream = [nb201.build(graph.name, nb201.FULL, "upstream") for graph in graphs]
    drawn, trained = (benchmark_labels(some, table, COLUMN) for some in (upstream, graphs))
    assert [label.value for label in drawn] == [label.value for label in trained]
    assert not {label.graph for label in drawn} & {label.graph for label in trained}


def test_the_published_optimum(data_folder):
    cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    cell += "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
    table = data_folder / "nasbench201/accuracy.parquet"
    (label,) = benchmark_labels([nb201.build(cell)], table, COLUMN)
    assert label.value == pytest.approx(0.943733, abs=1e-6)


def test_scores_become_pseudo_labels(graphs):
    labels = pseudo_labels(graphs, [0.1, 0.2, 0.3], "gnn")
    assert [label.value for label in labels] == [0.1, 0.2, 0.3]
    assert {label.provenance for label in labels} == {"pseudo"}


@pytest.mark.parametrize("scores", [[0.1], [0.1, 0.2, float("nan")]])
def test_odd_scores_are_refused(graphs, scores):
    with pytest.raises(DataError, match="one finite score per graph"):
        pseudo_labels(graphs, scores, "gnn")
