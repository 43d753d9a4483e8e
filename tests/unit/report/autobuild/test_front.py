"""Files of a search for networks of units."""

import csv

import pyarrow.parquet as pq
import pytest

from archloom.graph import parameters
from archloom.io import read_graph
from archloom.report.autobuild.front import spread, write_unit_front
from archloom.search.units.search import UnitSearchSettings, search_units
from archloom.search.units.variation import UnitVariation
from block_world import SMALL, figures


@pytest.fixture(scope="module")
def found():
    settings = UnitSearchSettings(first=6, iterations=2, children=5)
    return search_units(UnitVariation(SMALL), figures(), settings)


def test_front_and_networks_are_written(found, tmp_path):
    ranks = write_unit_front(found, "ofa_mbv3", tmp_path, networks=2, resolution=64)
    rows = list(csv.DictReader((tmp_path / "front.csv").open()))
    assert [row["architecture"] for row in rows] == found.architectures
    assert [[float(row["gain"]), float(row["cost"])] for row in rows] == found.values.tolist()
    assert ranks == ([1, len(found)] if len(found) > 1 else [1])
    for rank in ranks:
        graph = read_graph(tmp_path / f"network_{rank}.json")
        assert parameters(graph) == int(rows[rank - 1]["parameters"])
        assert (tmp_path / f"network_{rank}.onnx").stat().st_size > 4 * parameters(graph)
    visited = pq.read_table(tmp_path / "visited.parquet")
    assert visited.num_rows == len(found.visited)
    assert "architecture" in visited.column_names


def test_ranks_are_spread_over_the_front():
    assert spread(9, 3) == [1, 5, 9]
    assert spread(2, 5) == [1, 2]
    assert spread(7, 1) == [1]
    assert spread(7, 0) == []


def test_further_figures_stand_in_the_table(tmp_path):
    gain, cost = figures()
    found = search_units(UnitVariation(SMALL), [gain], also=[cost])
    write_unit_front(found, "ofa_mbv3", tmp_path)
    with (tmp_path / "front.csv").open(newline="") as lines:
        (best,) = csv.DictReader(lines)
    assert [float(best["gain"]), float(best["cost"])] == found.values[0].tolist()
