"""Agreement of rankings of units: alike, unrelated, and their mean."""

from dataclasses import replace

import numpy as np
import pytest

from archloom.errors import DataError
from archloom.predict.blocks.agreement import agreement, mean_ranking
from archloom.predict.blocks.scores import ScoredUnits
from archloom.spaces import FAMILIES
from archloom.views.units import all_units


@pytest.fixture(scope="module")
def ranking():
    units = all_units(FAMILIES["ofa_mbv3"])
    score = np.random.default_rng(0).normal(size=len(units))
    return ScoredUnits("ofa_mbv3", "acc", units, np.ones(len(units)), score)


def noisy(ranking, seed, noise):
    rng = np.random.default_rng(seed)
    return replace(ranking, score=ranking.score + noise * rng.normal(size=len(ranking)))


def test_equal_orders_agree_whatever_their_scale(ranking):
    other = replace(ranking, score=3 * ranking.score + 1)
    for one in agreement([ranking, other], 10):
        assert one.spearman == pytest.approx(1) and one.overlap == 1 and one.k == 10
        assert "the seeds agree (" in one.in_words()


def test_unrelated_orders_share_as_much_as_chance(ranking):
    others = [replace(ranking, score=noisy(ranking, seed, 100).score) for seed in (1, 2, 3)]
    for one in agreement(others, 700):
        assert abs(one.spearman) < 0.05 and one.rankings == 3
        assert one.overlap == pytest.approx(one.chance, abs=0.05)
        assert one.chance == pytest.approx(700 / 7371) and "disagree" in one.in_words()


def test_all_pairs_count_and_each_unit_by_itself(ranking):
    first = ranking.units.unit == 0
    turned = replace(ranking, score=np.where(first, -ranking.score, ranking.score))
    found = agreement([ranking, ranking, turned], 10)
    assert found[0].spearman == pytest.approx(-1 / 3) and found[0].overlap == pytest.approx(1 / 3)
    assert found[1].spearman == pytest.approx(1)


def test_more_than_a_third_of_the_units_is_not_compared(ranking):
    assert agreement([ranking, ranking], 10**6)[0].k == 7371 // 3
    units = all_units(FAMILIES["nb201"])
    few = ScoredUnits("nb201", "acc", units, np.ones(155), np.arange(155.0))
    assert [one.k for one in agreement([few, few])] == [1, 8, 41]


def test_the_mean_of_noisy_rankings_is_nearer_to_the_truth_than_each(ranking):
    rankings = [noisy(ranking, seed, 1.0) for seed in range(1, 5)]
    mean = mean_ranking(rankings)
    scores = np.stack([one.score for one in rankings])
    np.testing.assert_allclose(mean.score, scores.mean(axis=0))
    np.testing.assert_allclose(mean.spread, scores.std(axis=0, ddof=1))
    errors = [agreement([one, ranking])[0].spearman for one in rankings]
    assert agreement([mean, ranking])[0].spearman > max(errors)
    assert mean.table().column_names[-1] == "spread"


def test_one_ranking_is_its_mean_and_agrees_with_nothing(ranking):
    assert mean_ranking([ranking]) is ranking
    with pytest.raises(DataError, match="two seeds"):
        agreement([ranking])


def test_rankings_of_different_targets_do_not_mix(ranking):
    with pytest.raises(DataError, match="do not compare"):
        mean_ranking([ranking, replace(ranking, target="latency")])
