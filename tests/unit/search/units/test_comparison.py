"""Methods side by side: who takes part, what the table says, and that seeds are repeatable."""

import numpy as np
import pyarrow.compute as pc
import pytest

from archloom.search.front import pareto_front
from archloom.search.units.comparison import AUTOBUILD, compare_methods, methods
from archloom.search.units.search import UnitSearchSettings
from block_world import SMALL, figures

SETTINGS = UnitSearchSettings(first=6, iterations=2, children=5)


@pytest.fixture(scope="module")
def found():
    return compare_methods(methods([SMALL], "gpu"), figures(), SETTINGS, [3, 4])


def test_insights_are_known_for_some_devices_only():
    assert list(methods([SMALL], "gpu")) == [AUTOBUILD, "Layer-Full", "Stage-Full", "Layer-Insight"]
    assert list(methods([SMALL], "here")) == [AUTOBUILD, "Layer-Full", "Stage-Full"]


def test_every_search_is_there_with_its_front(found):
    assert found.column_names == [
        *("method", "seed", "architecture", "gain", "cost", "iteration", "on_front")
    ]
    assert set(found["method"].to_pylist()) == set(methods([SMALL], "gpu"))
    for method in methods([SMALL], "gpu"):
        for seed in (3, 4):
            chosen = pc.and_(pc.equal(found["method"], method), pc.equal(found["seed"], seed))
            one = found.filter(chosen)
            names = one["architecture"].to_pylist()
            assert len(set(names)) == len(names) == 16
            assert one["iteration"].to_pylist() == [0] * 6 + [1] * 5 + [2] * 5
            values = np.stack([one["gain"].to_numpy(), one["cost"].to_numpy()], axis=1)
            front = set(pareto_front(values, np.array([True, False])).tolist())
            assert set(np.flatnonzero(one["on_front"].to_numpy(zero_copy_only=False))) == front


def test_autobuild_stays_in_its_space(found):
    mine = found.filter(pc.equal(found["method"], AUTOBUILD))["architecture"].to_pylist()
    for architecture in mine:
        assert all(
            unit in pool for unit, pool in zip(architecture.split("|"), SMALL.pools, strict=True)
        )


def test_the_same_seeds_give_the_same_table(found):
    told = []
    again = compare_methods(
        methods([SMALL], "gpu"), figures(), SETTINGS, [3, 4], lambda *done: told.append(done)
    )
    assert again.equals(found) and told[-1] == (8, 8)
