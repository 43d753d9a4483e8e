"""The honest verdict: noise, intervals and outcomes."""

import numpy as np
import pytest
from scipy.stats import t as student

from archloom.report.autogo.verdict import (
    Measured,
    Outcome,
    compare_with_input,
    pooled_noise,
)


def test_mean_and_deviation_are_those_of_a_sample():
    measured = Measured((0.90, 0.92, 0.94))
    assert measured.mean == pytest.approx(0.92)
    assert measured.std == pytest.approx(0.02)
    assert Measured((0.9,)).std is None


def test_noise_is_pooled_over_networks_with_several_seeds():
    noise = pooled_noise([Measured((0.90, 0.92)), Measured((0.5, 0.5, 0.56)), Measured((0.1,))])
    assert noise.degrees == 3
    assert noise.std == pytest.approx(np.sqrt((0.0002 + 0.0024) / 3))


def test_without_repeated_trainings_there_is_no_noise_to_know():
    assert pooled_noise([Measured((0.9,)), Measured((0.8,))]) is None
    only = compare_with_input(Measured((0.5,)), {1: Measured((0.9,))})[0]
    assert (only.outcome, only.half_width) == (Outcome.UNKNOWN, None)
    assert only.difference == pytest.approx(0.4)


def test_identical_trainings_do_not_make_a_winner_better():
    only = compare_with_input(Measured((0.5, 0.5)), {1: Measured((0.9, 0.9))})[0]
    assert only.outcome == Outcome.UNKNOWN


def test_the_interval_is_that_of_the_two_sample_t_test():
    base, winner = Measured((0.90, 0.91, 0.92)), Measured((0.93, 0.95, 0.94))
    only = compare_with_input(base, {1: winner})[0]
    expected = student.ppf(0.975, 4) * 0.01 * np.sqrt(2 / 3)
    assert only.half_width == pytest.approx(expected)
    assert only.outcome == Outcome.BETTER


def test_clear_differences_are_called_and_small_ones_are_not():
    base = Measured((0.90, 0.91, 0.92))
    winners = {
        1: Measured((0.97, 0.98, 0.99)),
        2: Measured((0.91, 0.92, 0.915)),
        3: Measured((0.80, 0.81, 0.82)),
    }
    found = {entry.rank: entry.outcome for entry in compare_with_input(base, winners)}
    assert found == {1: Outcome.BETTER, 2: Outcome.SAME, 3: Outcome.WORSE}


def test_more_comparisons_need_larger_differences():
    base, winner = Measured((0.90, 0.91, 0.92)), Measured((0.925, 0.935, 0.945))
    alone = compare_with_input(base, {1: winner})[0]
    others = {rank: Measured((0.90, 0.91, 0.92)) for rank in range(2, 12)}
    among = compare_with_input(base, {1: winner, **others})[0]
    assert alone.outcome == Outcome.BETTER
    assert among.half_width > 0.8 * alone.half_width  # more degrees of freedom, stricter quantile
    degrees = 2 * 12
    expected = student.ppf(1 - 0.05 / 22, degrees) * 0.01 * np.sqrt(2 / 3)
    assert among.half_width == pytest.approx(expected)


def test_false_alarms_are_rare_when_nothing_is_better():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        draws = rng.normal(0.9, 0.01, (4, 3))
        base, *winners = (Measured(tuple(row)) for row in draws)
        found = compare_with_input(base, dict(enumerate(winners, start=1)))
        alarms += any(entry.outcome == Outcome.BETTER for entry in found)
    assert alarms / 400 < 0.05
