"""Soft ranks: the published test vectors, gradients, and what defines a projection."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ConfigError
from archloom.predict.norms.soft_rank import (
    rank_loss,
    rank_loss_gradient,
    ranked,
    ranking,
    soft_rank,
)

ROWS = st.lists(
    st.lists(st.floats(-50, 50, width=32), min_size=6, max_size=6), min_size=1, max_size=4
)


@pytest.mark.parametrize(
    ("values", "ranks"),
    [
        ([8, 0, 5, 3, 2, 1, 6, 7, 9], [8, 1, 5, 4, 3, 2, 6, 7, 9]),
        ([0.3, 0.1, 2.0, 0.2], [2.15, 1.95, 3.85, 2.05]),
        ([1.5, 3.0, 1.6, 9.0, 8.7], [1.466667, 2.966667, 1.566667, 4.65, 4.35]),
    ],
)
def test_published_vectors(values, ranks):
    found = soft_rank(torch.tensor([values], dtype=torch.float64))[0]
    assert found.tolist() == pytest.approx(ranks, abs=1e-6)


def test_published_loss():
    values = torch.tensor([[1.5, 3.0, 1.6, 9.0, 8.7]])
    target = torch.tensor([-0.2, 1.1, 0.4, 2.0, -1.0])
    assert rank_loss(values, target).item() == pytest.approx(0.762099, abs=1e-6)


@given(ROWS)
def test_ranks_lie_on_the_permutahedron_in_the_order_of_the_values(rows):
    values = np.array(rows)
    ranks = soft_rank(torch.from_numpy(values)).numpy()
    for row, found in zip(values, ranks, strict=True):
        ordered = found[np.argsort(-row, kind="stable")]
        assert (np.diff(ordered) <= 1e-9).all()
        sums = np.cumsum(ordered)
        assert sums[-1] == pytest.approx(21) and (sums <= np.cumsum(range(6, 0, -1)) + 1e-9).all()


@given(ROWS)
def test_rows_do_not_touch_each_other(rows):
    values = torch.tensor(rows, dtype=torch.float64)
    alone = torch.cat([soft_rank(values[i : i + 1]) for i in range(len(values))])
    torch.testing.assert_close(soft_rank(values), alone)


def test_values_far_apart_have_their_ranks_and_close_ones_only_their_distance_from_the_mean():
    far = torch.tensor([[30.0, 10.0, 20.0]])
    assert soft_rank(far).tolist() == [[3, 1, 2]]
    near = torch.tensor([[0.3, 0.1, 0.2]])
    torch.testing.assert_close(soft_rank(near), near - near.mean() + 2)


def test_gradients():
    values = 3 * torch.randn(3, 9, dtype=torch.float64, generator=torch.manual_seed(0))
    assert torch.autograd.gradcheck(soft_rank, values.requires_grad_())


def test_a_target_without_variation_has_loss_one_and_no_gradient():
    values = torch.tensor([[1.0, 5.0, 2.0]], requires_grad=True)
    loss = rank_loss(values, torch.ones(3))
    loss.backward()
    assert loss.item() == 1 and not values.grad.any()


def test_the_gradient_of_the_loss_is_its_slope():
    values = 3 * torch.randn(2, 7, dtype=torch.float64, generator=torch.manual_seed(1))
    target = torch.randn(7, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: rank_loss(x, target), values.requires_grad_())


def test_the_ranks_of_torchsort_are_ours():
    pytest.importorskip("torchsort", reason="the package torchsort is not installed")
    rng = np.random.default_rng(0)
    values, target = rng.normal(0, 20, (5, 128)), rng.normal(size=128)
    ours, theirs = ranked(values)[0], ranking("torchsort")(values)[0]
    np.testing.assert_allclose(theirs, ours, rtol=1e-4)
    loss, gradient = rank_loss_gradient(values, target)
    other_loss, other_gradient = rank_loss_gradient(values, target, ranking("torchsort"))
    assert other_loss == pytest.approx(loss, rel=1e-4)
    np.testing.assert_allclose(other_gradient, gradient, atol=1e-3 * np.abs(gradient).max())


def test_torchsort_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchsort", None)
    with pytest.raises(ConfigError, match=r"archloom\[torchsort\]"):
        ranking("torchsort")
