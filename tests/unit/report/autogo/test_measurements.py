"""Which labels count as measurements of the front."""

from dataclasses import replace

import pytest

from archloom.data.labels import Label, write_labels
from archloom.errors import DataError
from archloom.report.autogo.measurements import read_measurements

LABEL = Label("g", "accuracy", "measured", "r", 0, 0.9, "fraction", "net", "nb201")


def read(tmp_path, *labels):
    write_labels(labels, tmp_path / "labels.parquet")
    return read_measurements([tmp_path / "labels.parquet"])


def test_values_come_by_graph_in_the_order_of_seeds(tmp_path):
    other = replace(LABEL, graph="h", value=0.5)
    found = read(tmp_path, replace(LABEL, seed=2, value=0.7), other, LABEL)
    assert found["g"].values == (0.9, 0.7) and found["h"].values == (0.5,)


def test_predicted_and_published_values_are_no_measurements(tmp_path):
    assert (
        read(tmp_path, replace(LABEL, provenance="pseudo"), replace(LABEL, provenance="benchmark"))
        == {}
    )
    assert read(tmp_path, replace(LABEL, metric="latency")) == {}


def test_mixed_recipes_are_refused(tmp_path):
    with pytest.raises(DataError, match="several recipes"):
        read(tmp_path, LABEL, replace(LABEL, recipe="s"))


def test_no_tables_mean_no_measurements():
    assert read_measurements([]) == {}
