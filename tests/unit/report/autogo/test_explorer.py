"""The data behind the interactive plot."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from archloom.drawing.changes import compare
from archloom.report.autogo.explorer import Axis, front_data, range_warnings, search_axes
from archloom.report.autogo.verdict import Measured
from archloom.search.figures import Figure
from archloom.search.graphs.record import (
    Baseline,
    SearchRecord,
    Visited,
    Winner,
)
from archloom.search.shapes.propagation import PropagationStats
from report_world import network

NAN = math.nan


def record_of(figures, objectives, latencies=()):
    """A search of two winners with these figures; values are 0 (input), 1 and 2."""
    winners = [
        Winner(
            rank, "", 0, 0, 1, 9, 0, 0, 0, values=dict.fromkeys(figures, float(rank)), latency=one
        )
        for rank, one in zip((1, 2), latencies or (None, None), strict=True)
    ]
    visited = {name: np.zeros(3) for name in figures}
    return SearchRecord(
        baseline=Baseline(0, 0, "", 9, dict.fromkeys(figures, 0.0)),
        winners=tuple(winners),
        visited=Visited(*[np.zeros(3)] * 4, visited),
        iterations=(),
        rejected={},
        propagation=PropagationStats(),
        settings={},
        seconds=1,
        seed=0,
        figures=tuple(Figure(name, "ms") for name in figures),
        objectives=objectives,
    )


def test_objectives_come_before_other_figures():
    axes = search_axes(record_of(("score", "flops", "latency"), ("latency", "score")), {})
    assert [one.name for one in axes] == ["latency", "predicted score", "FLOPs"]
    assert [one.unit for one in axes] == ["ms", "", "FLOPs"]
    assert all(list(one.values) == [0, 1, 2] and len(one.visited) == 3 for one in axes)


def test_measured_accuracy_is_in_per_cent_and_missing_where_nothing_was_trained():
    (accuracy,) = search_axes(record_of((), ()), {0: Measured((0.5, 0.7)), 2: Measured((0.8,))})
    assert accuracy.direction == "max" and accuracy.visited is None
    assert np.array(accuracy.values) == pytest.approx([60, NAN, 80], nan_ok=True)
    assert np.array(accuracy.spread) == pytest.approx([14.142, NAN, 0], nan_ok=True, rel=1e-4)


def test_measured_latency_has_the_quartiles_as_error_bars():
    own = {"median": 3.0, "lower": 2.9, "upper": 3.3}
    base = {"median": 5.0, "lower": 4.8, "upper": 5.0}
    (latency,) = search_axes(record_of((), (), ({"own": own, "input": base}, None)), {})
    assert np.array(latency.values) == pytest.approx([5, 3, NAN], nan_ok=True)
    assert np.array(latency.spread) == pytest.approx([0.1, 0.2, NAN], nan_ok=True)


def test_graphs_outside_the_predictors_range_get_a_warning():
    record = record_of(("score",), ("score",))
    inside = {"distance": 1.0, "limit": 4.0, "inside": True}
    outside = {"distance": 31.25, "limit": 4.0, "inside": False}
    first, second = record.winners
    winners = (replace(first, range=inside), replace(second, range=outside))
    warnings = range_warnings(replace(record, winners=winners))
    assert list(warnings) == [2] and "distance 31, training graphs reach 4" in warnings[2]
    data = front_data([axis([0.0, 1.0, 2.0])], np.zeros(0, dtype=bool), {}, warnings)
    assert [member["warning"] for member in data["members"]] == ["", "", warnings[2]]


def axis(values, name="latency", unit="ms", **more) -> Axis:
    return Axis(name, unit, "min", values, **more)


def test_any_number_of_objectives_is_kept_in_order():
    axes = [axis([1.0, 2.0], name) for name in ("a", "b", "c", "d", "e")]
    data = front_data(axes, np.zeros(0, dtype=bool), {}, {})
    assert [one["name"] for one in data["objectives"]] == ["a", "b", "c", "d", "e"]
    assert [member["rank"] for member in data["members"]] == [0, 1]
    assert all(len(member["values"]) == 5 for member in data["members"])


@pytest.mark.parametrize(
    "values, unit, shown",
    [([1.2e6, 9e5], "MFLOPs", [1.2, 0.9]), ([68_882.0, 7.0], "FLOPs", [68_882.0, 7.0])],
)
def test_millions_are_given_in_millions(values, unit, shown):
    data = front_data([axis(values, "FLOPs", "FLOPs")], np.zeros(0, dtype=bool), {}, {})
    assert data["objectives"][0]["unit"] == unit
    assert [member["values"][0] for member in data["members"]] == shown


def test_what_json_cannot_express_is_null():
    visited = np.array([1.0, NAN, math.inf])
    axes = [axis([NAN, 1.0], visited=visited, spread=[NAN, 0.5]), axis([2.0, 3.0])]
    data = front_data(axes, np.ones(3, dtype=bool), {}, {})
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["members"][0]["values"] == [None, 2.0]
    assert data["members"][1]["spread"] == [0.5, None]
    assert data["visited"]["values"] == [[1.0, None, None], None]


@pytest.mark.parametrize(
    "values, digits", [([0.9716, 0.9881], 4), ([10.0, 400.0], 0), ([5.0, 5.0], 2), ([NAN, NAN], 2)]
)
def test_decimals_tell_the_values_apart(values, digits):
    data = front_data([axis(values)], np.zeros(0, dtype=bool), {}, {})
    assert data["objectives"][0]["digits"] == digits


def test_many_scored_graphs_are_thinned_evenly():
    visited = np.arange(20_001, dtype=np.float64)
    data = front_data([axis([0.0], visited=visited)], visited % 2 == 0, {}, {})["visited"]
    assert data["count"] == 20_001 and len(data["accepted"]) == len(data["values"][0]) == 3000
    assert data["values"][0][0] == 0 and data["values"][0][-1] == 20_000
    assert data["accepted"] == [int(value) % 2 == 0 for value in data["values"][0]]
    assert max(np.diff(data["values"][0])) <= 7


def test_changes_tell_the_status_of_every_node():
    parent, child = network((5, 3)), network((5, 1, 3))
    found = compare(parent, child)
    entry = front_data([axis([1.0, 2.0])], np.zeros(0, dtype=bool), {1: found}, {})["members"][1]
    assert len(entry["before"]) == len(entry["match"]) == parent.n_nodes
    assert len(entry["after"]) == child.n_nodes
    assert set(entry["before"]) <= set("013") and set(entry["after"]) <= set("023")
    assert entry["summary"] == found.summary() != []
    for node, other in enumerate(entry["match"]):
        assert (other == -1) == (entry["before"][node] == "1")
