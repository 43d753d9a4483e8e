"""Pareto front, rank sums and choice of parents, for one to three objectives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.search.front import (
    choose_parents,
    hypervolume,
    pareto_front,
    rank_sum,
    successive_fronts,
)

SCORE_AND_FLOPS = np.array([True, False])


@st.composite
def points(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, k) with many ties, and directions (k,)."""
    k = draw(st.integers(1, 3))
    row = st.tuples(*[st.integers(0, 9)] * k)
    values = draw(st.lists(row, min_size=1, max_size=40))
    maximise = draw(st.lists(st.booleans(), min_size=k, max_size=k))
    return np.array(values, dtype=float), np.array(maximise)


def test_rank_sums_of_the_papers_example():
    score = [91.21, 91.10, 91.02, 90.75, 90.35, 89.05]
    flops = [260.0, 215, 200, 210, 220, 250]
    ranks = rank_sum(np.column_stack([score, flops]), SCORE_AND_FLOPS)
    assert ranks.tolist() == [5, 3, 2, 4, 7, 9]
    assert sorted(np.argsort(ranks, kind="stable")[:3].tolist()) == [1, 2, 3]


@given(points())
def test_the_front_holds_exactly_the_points_that_nothing_beats(drawn):
    values, maximise = drawn
    gain = np.where(maximise, values, -values)

    def beaten(i: int) -> bool:
        return bool(((gain >= gain[i]).all(axis=1) & (gain > gain[i]).any(axis=1)).any())

    front = pareto_front(values, maximise)
    wanted = {tuple(values[i]) for i in range(len(values)) if not beaten(i)}
    assert {tuple(values[i]) for i in front} == wanted
    assert len(front) == len(wanted)
    assert all(i == min(np.flatnonzero((values == values[i]).all(axis=1))) for i in front)
    assert (np.diff(gain[front, 0]) <= 0).all()


@given(points(), st.integers(1, 12), st.integers(0, 3))
def test_parents_are_distinct_and_as_many_as_there_are(drawn, top_k, seed):
    values, maximise = drawn
    parents = choose_parents(values, maximise, top_k, np.random.default_rng(seed))
    assert len(parents) == len(set(parents.tolist())) == min(top_k, len(values))


def test_extreme_front_members_can_be_drawn():
    values = np.column_stack([np.arange(50.0), np.arange(50.0)])
    drawn = {
        int(i)
        for seed in range(80)
        for i in choose_parents(values, SCORE_AND_FLOPS, 9, np.random.default_rng(seed))
    }
    assert {0, 49} <= drawn


def test_missing_parents_come_from_the_history_by_rank_sum():
    values = np.array([[5.0, 1], [4, 2], [3, 3], [1, 2]])
    parents = choose_parents(values, SCORE_AND_FLOPS, 3, np.random.default_rng(0))
    assert parents.tolist() == [0, 1, 3]  # rank sums 0, 2, 5, 4


@pytest.mark.parametrize("k", [1, 3])
def test_a_front_that_is_too_large_is_thinned_over_all_objectives(k):
    grid = np.random.default_rng(0).random((200, k))
    parents = choose_parents(grid, np.ones(k, dtype=bool), 8, np.random.default_rng(1))
    front = pareto_front(grid, np.ones(k, dtype=bool))
    assert len(np.intersect1d(parents, front)) == min(len(front), 8)


@given(points())
def test_successive_fronts_are_those_of_what_is_left(drawn):
    values, maximise = drawn
    _, rest = np.unique(values, axis=0, return_index=True)
    rest.sort()
    found = successive_fronts(values, maximise, 3).tolist()
    for _ in range(3):
        front = rest[pareto_front(values[rest], maximise)].tolist() if len(rest) else []
        assert found[: len(front)] == front
        found, rest = found[len(front) :], np.setdiff1d(rest, front)
    assert not found


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_hypervolume_counts_the_cells_that_some_point_beats(drawn):
    values = np.array(drawn, dtype=float).reshape(-1, 2)  # accuracy up, latency down, worst (0, 9)
    cells = sum(
        any(up > x and down < 9 - y for up, down in drawn) for x in range(10) for y in range(9)
    )
    assert hypervolume(values, SCORE_AND_FLOPS, np.array([0.0, 9.0])) == cells


def test_one_parent_comes_from_every_cell_of_the_front():
    crowd = np.random.default_rng(0).uniform(0.3, 0.36, (60, 2))
    corners = np.eye(3)[:, :2]
    plane = np.concatenate([crowd[:30], corners, crowd[30:]])
    values = np.column_stack([plane, 1 - plane.sum(axis=1)])  # on a plane nothing beats another
    for seed in range(5):
        parents = choose_parents(values, np.ones(3, dtype=bool), 8, np.random.default_rng(seed))
        assert {30, 31, 32} <= set(parents.tolist())
        assert len(parents) == 8


def test_a_front_that_fills_the_grid_is_taken_whole():
    values = np.column_stack([np.arange(9.0), np.arange(9.0)])
    values = np.concatenate([[[0.5, 8.0]] * 3, values])  # beaten
    for seed in range(5):
        parents = choose_parents(values, SCORE_AND_FLOPS, 10, np.random.default_rng(seed))
        assert parents.tolist()[:9] == list(range(11, 2, -1)) and len(parents) == 10
