"""Search over units: budget, no repeats, resuming, fronts, constraints."""

import json
from itertools import count, product

import numpy as np
import pytest

from archloom.errors import ConfigError, SearchError
from archloom.search.constraints import Constraint
from archloom.search.front import pareto_front
from archloom.search.loop import Evolution
from archloom.search.units.search import UnitSearchSettings, search_units
from archloom.search.units.variation import LayerVariation, UnitVariation
from block_world import SMALL, SumOf, figures

FULL = LayerVariation("ofa_mbv3")
QUICK = UnitSearchSettings(first=8, iterations=3, children=7)


def test_the_budget_counts_different_networks():
    found = search_units(FULL, figures())
    architectures = found.visited["hash"].to_pylist()
    assert len(set(architectures)) == len(architectures) == 250
    assert np.bincount(found.visited["iteration"].to_numpy()).tolist() == [50] * 5


def test_children_come_from_the_front_of_what_was_there():
    visited = search_units(FULL, figures(), QUICK).visited.to_pylist()
    for last in range(1, 4):
        before = [row for row in visited if row["iteration"] < last]
        values = np.array([[row["gain"], row["cost"]] for row in before])
        front = {before[i]["hash"] for i in pareto_front(values, np.array([True, False]))}
        parents = {row["parent"] for row in visited if row["iteration"] == last}
        assert parents <= front
        assert len(parents) == min(7, len(front))  # they take turns


def test_a_small_space_is_searched_to_its_end():
    found = search_units(UnitVariation(SMALL), figures(), UnitSearchSettings(first=5, iterations=9))
    every = ["|".join(units) for units in product(*SMALL.pools)]
    values = np.array([one.values(every) for one in figures()]).T
    front = pareto_front(values, np.array([True, False]))
    assert len(found.visited) <= 24
    assert {tuple(row) for row in found.values} == {tuple(row) for row in values[front]}


def test_a_search_that_was_stopped_continues_to_the_same_result(tmp_path):
    class Stop(Exception):
        pass

    def stop(iteration, *_):
        if iteration == 2:
            raise Stop

    whole = search_units(FULL, figures(), QUICK, seed=4)
    with pytest.raises(Stop):
        search_units(FULL, figures(), QUICK, seed=4, folder=tmp_path, progress=stop)
    assert len(list(tmp_path.glob("iteration-*.json"))) == 2
    again = search_units(FULL, figures(), QUICK, seed=4, folder=tmp_path)
    assert again.visited.equals(whole.visited)
    assert again.architectures == whole.architectures
    with pytest.raises(SearchError, match="figures"):
        search_units(FULL, figures()[:1], QUICK, seed=4, folder=tmp_path)
    statistics = json.loads((tmp_path / "iteration-0003.json").read_text())
    assert statistics["accepted"] == statistics["unique"] == 7


def test_successive_fronts_give_more_parents():
    one = search_units(FULL, figures(), UnitSearchSettings(first=40, iterations=1))
    three = search_units(FULL, figures(), UnitSearchSettings(first=40, iterations=1, fronts=3))

    def parents(found):
        return set(found.visited["parent"].to_pylist()) - {""}

    assert parents(one) < parents(three)


def test_hypervolumes_never_fall():
    found = search_units(FULL, figures(), QUICK)
    volumes = found.hypervolumes([0.0, 200.0])
    assert len(volumes) == 4
    assert volumes == sorted(volumes) and volumes[0] > 0


class Partly(SumOf):
    """Knows even sums only."""

    def values(self, networks):
        return [one if one % 2 == 0 else "not even" for one in super().values(networks)]


def test_networks_without_a_figure_are_left_out():
    chosen = [figures()[0], Partly("cost", place=3)]
    found = search_units(FULL, chosen, QUICK)
    kept = found.visited["accepted"].to_numpy()
    assert 0 < kept.sum() < len(kept)
    assert (found.values[:, 1] % 2 == 0).all()


def test_a_network_without_the_first_figure_is_left_out_too():
    found = search_units(FULL, [Partly("gain", maximise=True, place=1), figures()[1]], QUICK)
    rows = found.visited.to_pylist()
    assert any(row["gain"] is None for row in rows)
    assert all(row["accepted"] == (row["gain"] is not None) for row in rows)
    assert np.isfinite(found.values).all()


def best_within(most):
    """Largest gain in the small space of networks whose cost is at most ``most``."""
    every = ["|".join(units) for units in product(*SMALL.pools)]
    gain, cost = (np.array(one.values(every)) for one in figures())
    return gain[cost <= most].max()


def test_the_largest_gain_within_a_limit_is_found():
    gain, cost = figures()
    settings = UnitSearchSettings(first=12, iterations=10, children=4, fronts=10)
    limit = Constraint.parse("cost<=52")
    space = UnitVariation(SMALL)
    found = search_units(space, [gain], settings, also=[cost], constraints=[limit])
    assert found.names == ["gain", "cost"] and len(found) == 1
    assert found.values[0, 0] == best_within(52) < best_within(999)
    assert found.values[0, 1] <= 52
    rows = found.visited.to_pylist()
    assert {row["accepted"] for row in rows} == {True, False}
    for row in rows:
        assert row["accepted"] == (row["cost"] <= 52)
        assert (row["gain"] is None) == (not row["accepted"])  # spared
    parents = {row["parent"] for row in rows if row["parent"]}
    assert len(parents) > 1 and parents <= {row["hash"] for row in rows if row["accepted"]}


@pytest.mark.parametrize(
    ("limit", "message"), [("price<=5", "limit one of gain, cost"), ("cost<=-5%", "without %")]
)
def test_a_limit_that_means_nothing_here_is_refused(tmp_path, limit, message):
    constraints = [Constraint.parse(limit)]
    with pytest.raises(ConfigError, match=message):
        search_units(FULL, figures(), constraints=constraints, folder=tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_a_limit_that_nothing_keeps_ends_in_words():
    with pytest.raises(SearchError, match="8 not cost<=1"):
        search_units(FULL, figures(), QUICK, constraints=[Constraint.parse("cost<=1")])


def test_a_figure_that_nothing_has_ends_in_words():
    class Nothing(SumOf):
        def values(self, networks):
            return ["no idea"] * len(networks)

    with pytest.raises(SearchError, match="none of 8 networks has all of cost"):
        search_units(FULL, [Nothing("cost", place=3)], UnitSearchSettings(first=8, iterations=0))


@pytest.mark.parametrize(
    "change", [{"first": 0}, {"children": 0}, {"iterations": -1}, {"minutes": 0.0}]
)
def test_settings_out_of_range_say_what_to_write(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        UnitSearchSettings(**change)


def test_objectives_need_different_names():
    with pytest.raises(ConfigError, match="each name once"):
        search_units(FULL, [*figures(), *figures()])


def test_more_rounds_extend_a_finished_search(tmp_path):
    short = UnitSearchSettings(first=8, iterations=1, children=7)
    search_units(FULL, figures(), short, folder=tmp_path)
    longer = search_units(FULL, figures(), QUICK, folder=tmp_path)
    assert longer.visited.equals(search_units(FULL, figures(), QUICK).visited)


def test_a_search_ends_with_the_round_in_which_its_time_is_up(monkeypatch):
    looks = count()
    monkeypatch.setattr(Evolution, "_out_of_time", lambda self: next(looks) >= 1)
    found = search_units(FULL, figures(), UnitSearchSettings(first=8, iterations=9, minutes=1.0))
    assert set(found.visited["iteration"].to_pylist()) == {0, 1}


class Stubborn:
    """Draws and mutates to numbered networks; every new one comes after ``idle`` known ones."""

    family = "ofa_mbv3"

    def __init__(self, idle):
        self.idle, self.calls = idle, count()

    @property
    def identity(self):
        return {"idle": self.idle}

    def draw(self, rng):
        known = next(self.calls) // (self.idle + 1)
        return "|".join(units[known >> place & 1] for place, units in enumerate(SMALL_PAIRS))

    def mutate(self, architecture, rng):
        return self.draw(rng)


SMALL_PAIRS = [("e3k3,e3k3", "e6k7,e6k7")] * 5


@pytest.mark.parametrize(("idle", "wanted"), [(3, [6, 5]), (4, [1, 1])])
def test_only_misses_in_a_row_end_a_round(idle, wanted):
    settings = UnitSearchSettings(first=6, iterations=1, children=5, attempts=4)
    found = search_units(Stubborn(idle), figures(), settings)
    rounds = found.visited["iteration"].to_numpy()
    assert np.bincount(rounds, minlength=2).tolist() == wanted
