"""Pareto front, rank sums and choice of parents."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archloom.search.front import choose_parents, pareto_front, rank_sum

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40)


def test_rank_sums_of_the_papers_example():
    score = np.array([91.21, 91.10, 91.02, 90.75, 90.35, 89.05])
    flops = np.array([260.0, 215, 200, 210, 220, 250])
    ranks = rank_sum(score, flops)
    assert ranks.tolist() == [5, 3, 2, 4, 7, 9]
    assert sorted(np.argsort(ranks, kind="stable")[:3].tolist()) == [1, 2, 3]


@given(POINTS)
def test_the_front_holds_exactly_the_points_that_nothing_beats(points):
    score, flops = np.array(points, dtype=float).T
    front = pareto_front(score, flops)

    def beaten(i: int) -> bool:
        no_worse = (score >= score[i]) & (flops <= flops[i])
        better = (score > score[i]) | (flops < flops[i])
        return bool((no_worse & better).any())

    values = {(score[i], flops[i]) for i in range(len(points)) if not beaten(i)}
    assert {(score[i], flops[i]) for i in front} == values
    assert len(front) == len(values)
    assert (np.diff(score[front]) < 0).all()


@given(POINTS, st.integers(1, 12), st.integers(0, 3))
def test_parents_are_distinct_and_as_many_as_there_are(points, top_k, seed):
    score, flops = np.array(points, dtype=float).T
    parents = choose_parents(score, flops, top_k, np.random.default_rng(seed))
    assert len(parents) == len(set(parents.tolist())) == min(top_k, len(points))


def test_extreme_front_members_can_be_drawn():
    score = np.arange(50.0)
    flops = np.arange(50.0)
    drawn = {
        int(i)
        for seed in range(80)
        for i in choose_parents(score, flops, 9, np.random.default_rng(seed))
    }
    assert {0, 49} <= drawn


def test_missing_parents_come_from_the_history_by_rank_sum():
    score = np.array([5.0, 4, 3, 1])
    flops = np.array([1.0, 2, 3, 2])
    parents = choose_parents(score, flops, 3, np.random.default_rng(0))
    assert parents.tolist() == [0, 1, 3]  # rank sums 0, 2, 5, 4
