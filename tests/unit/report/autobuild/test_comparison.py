"""A comparison of searches on disk: the point that hypervolumes begin at, and its tables."""

import csv

import numpy as np
import pyarrow as pa
import pytest

from archloom.report.autobuild.comparison import worst_point, write_comparison
from archloom.search.front import hypervolume

NAMES = ("gain", "cost")
ROWS = [  # method, seed, iteration, gain, cost
    ("AutoBuild", 0, 0, 3.0, 5.0),
    ("AutoBuild", 0, 1, 4.0, 6.0),
    ("AutoBuild", 1, 0, 2.0, 4.0),
    ("AutoBuild", 1, 1, None, 1.0),
    ("Other", 0, 0, 2.0, 9.0),
    ("Other", 0, 1, 1.0, 3.0),
    ("Other", 1, 0, 2.0, 8.0),
]


@pytest.fixture(scope="module")
def visited():
    names = ("method", "seed", "iteration", *NAMES)
    columns = dict(zip(names, zip(*ROWS, strict=True), strict=True))
    return pa.table({**columns, "architecture": [f"network {i}" for i in range(len(ROWS))]})


def test_hypervolumes_begin_at_the_worst_that_is_known(visited):
    assert worst_point(visited, NAMES).tolist() == [1, 9]


def test_tables_hold_every_round_and_the_test(visited, tmp_path):
    worst = np.array([0.0, 10.0])
    own, other = write_comparison(visited, NAMES, tmp_path, worst)
    assert (own.method, other.method, other.won) == ("AutoBuild", "Other", 2)
    with (tmp_path / "hypervolume.csv").open(newline="") as lines:
        found = [list(row.values()) for row in csv.DictReader(lines)]
    up = np.array([True, False])
    volume = hypervolume(np.array([[3.0, 5.0], [4.0, 6.0]]), up, worst)
    assert found[:2] == [
        ["AutoBuild", "0", "0", "1", "15.0"],
        ["AutoBuild", "0", "1", "2", f"{volume}"],
    ]
    assert found[3] == ["AutoBuild", "1", "1", "2", "12.0"]  # the network without a gain counts
    assert found[-1] == ["Other", "1", "1", "1", "4.0"]  # a search that ended early stays
