"""Joining of graphs, labels and splits."""

import pytest

from archloom.data.labels import write_labels
from archloom.data.sources import pseudo_labels
from archloom.data.splits import split_graphs
from archloom.errors import DataError
from archloom.io.store import write_store
from archloom.predict.dataset import labelled_graphs, load_dataset
from archloom.spaces import FAMILIES


@pytest.fixture
def files(tmp_path):
    """A function that writes store, labels and split of two families; some labels may miss."""

    def write(missing: int = 0):
        paths = [], [], []
        for name in ("hiaml", "nb201"):
            family = FAMILIES[name]
            graphs = family.sample(20, 0, family.REDUCED)
            scores = [0.5 + i / 100 for i in range(len(graphs))]
            split = split_graphs(graphs, dev=0.2, test=0.2, seed=0)
            places = [tmp_path / f"{name}.{ending}" for ending in ("parquet", "labels", "json")]
            write_store(graphs, places[0])
            write_labels(pseudo_labels(graphs, scores, "toy")[missing:], places[1])
            split.save(places[2])
            for column, place in zip(paths, places, strict=True):
                column.append(place)
        return paths

    return write


def test_every_graph_has_its_own_label_in_its_part(files):
    data = load_dataset(*files())
    assert data.skipped == 0
    assert sum(len(part.graphs) for part in (data.train, data.dev, data.test)) == 40
    position = {
        graph.hash: i
        for family in (FAMILIES["hiaml"], FAMILIES["nb201"])
        for i, graph in enumerate(family.sample(20, 0, family.REDUCED))
    }
    for part in (data.train, data.dev, data.test):
        for graph, label in zip(part.graphs, part.labels, strict=True):
            assert label == pytest.approx(0.5 + position[graph.hash] / 100)


def test_test_graphs_are_separate_per_family(files):
    parts = load_dataset(*files()).test_by_family()
    assert set(parts) == {"hiaml", "nb201"}
    for name, part in parts.items():
        assert {graph.family for graph in part.graphs} == {name}


def test_graphs_without_label_are_counted(files):
    assert load_dataset(*files(missing=3)).skipped == 6


def test_nothing_labelled_is_an_error(files):
    with pytest.raises(DataError, match="no labelled graph is left for"):
        load_dataset(*files(missing=20))


def test_a_target_is_an_expression_over_the_labels(files):
    graphs, labels, _ = files(missing=3)
    data = labelled_graphs(graphs[0], labels[0], "100*accuracy")
    assert len(data.graphs) == 17
    plain = labelled_graphs(graphs[0], labels[0])
    assert data.labels.tolist() == [100 * value for value in plain.labels]
    assert data.labels.min() > 50
    with pytest.raises(DataError, match="for none of the 20 graphs"):
        labelled_graphs(graphs[0], labels[1])
