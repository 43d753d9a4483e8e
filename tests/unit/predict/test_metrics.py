import numpy as np
import pytest
from scipy.stats import spearmanr

from archloom.errors import DataError
from archloom.predict.metrics import evaluate, fold_spearman, n_folds, spearman, top_overlap


def test_spearman_counts_ties_as_scipy_does():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, size=(2, 40))
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)


def test_a_constant_prediction_has_no_rank_correlation():
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_vectors_of_different_length_are_refused():
    with pytest.raises(DataError, match="one length"):
        spearman([1, 2, 3], [1, 2])


def test_errors_are_those_of_a_small_example():
    scores = evaluate([0.5, 0.9, 0.8], [0.4, 0.9, 1.0])
    assert scores["mse"] == pytest.approx(0.05 / 3)
    assert scores["mae"] == pytest.approx(0.1)
    assert scores["mape"] == pytest.approx((0.25 + 0.2) / 3)
    assert scores["srcc"] == pytest.approx(0.5)


def test_overlap_is_the_share_of_the_best_that_is_found():
    measured = np.arange(10)
    predicted = np.array([9, 1, 2, 3, 4, 5, 6, 7, 8, 0])
    assert top_overlap(predicted, measured, 5) == pytest.approx(0.8)
    assert top_overlap(predicted, measured, 50) == 1


@pytest.mark.parametrize(("counts", "folds"), [([34, 90], 34), ([3, 8], 8), ([4, 40], 10)])
def test_folds_follow_the_reference(counts, folds):
    assert n_folds(np.array(counts)) == folds


def test_fold_f_takes_instance_f_modulo_n():
    predicted = np.array([1.0, 2.0, 5.0, 0.0, 3.0, 4.0])  # 1, 2 instances and 3 of the last graph
    result = fold_spearman(predicted, np.array([1, 2, 3]), np.array([0.1, 0.2, 0.3]))
    assert result["folds"] == 3
    assert result["mean"] == pytest.approx(np.mean([-0.5, 0.5, 1]))
    assert (result["min"], result["max"]) == pytest.approx((-0.5, 1))
