"""Files of a search for networks of units."""

import csv

import numpy as np
import pyarrow.parquet as pq
import pytest

from archloom.graph import parameters
from archloom.io import read_graph
from archloom.report.autobuild.fronts import FrontPanel, attained, unit_fronts_figure
from archloom.report.found_networks import spread, write_unit_front
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


def test_what_a_front_attains_grows_with_latency():
    fronts = [np.array([[0.8, 9.0], [0.7, 5.0]]), np.array([[0.75, 6.0]])]
    reached = attained(fronts, np.array([4.0, 5.0, 6.0, 8.9, 9.0]))
    np.testing.assert_array_equal(
        reached, [[np.nan, 0.7, 0.7, 0.7, 0.8], [np.nan, np.nan, 0.75, 0.75, 0.75]]
    )


def test_the_picture_names_every_method():
    fronts = {
        name: [np.array([[0.7 + 0.01 * i, 5 + i] for i in range(4)])] for name in ("one", "two")
    }
    figure = unit_fronts_figure([FrontPanel(f"panel {i}", fronts) for i in range(4)])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [f"panel {i}" for i in range(4)]
    named = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert named == ["one", "two"]


def test_the_axes_say_what_the_figures_are():
    fronts = {"one": [np.array([[0.9, 2.0], [0.5, -1.0]]), np.array([[0.7, 1.0]])]}
    panel = FrontPanel("gains", fronts, gain="gain", cost="cost", scale=1)
    (axes,) = unit_fronts_figure([panel]).axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("gain", "cost")
    assert axes.get_xscale() == "linear" and axes.lines[0].get_ydata().max() <= 0.9


def test_further_figures_stand_in_the_table(tmp_path):
    gain, cost = figures()
    found = search_units(UnitVariation(SMALL), [gain], also=[cost])
    write_unit_front(found, "ofa_mbv3", tmp_path)
    with (tmp_path / "front.csv").open(newline="") as lines:
        (best,) = csv.DictReader(lines)
    assert [float(best["gain"]), float(best["cost"])] == found.values[0].tolist()
