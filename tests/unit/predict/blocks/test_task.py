"""The optimiser on one vector is PyTorch's, clipped; moments by size of the units."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.blocks.task import BlockTraining, FlatAdamW, unit_moments
from archloom.spaces import FAMILIES

SETTINGS = BlockTraining(learning_rate=0.01, weight_decay=0.5, clip_norm=2.0)


def twins():
    """Two equal networks of the smallest width."""
    networks = [BlockNetwork(BlockShape("graphconv", 8)) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    return networks


def values_of(network):
    return torch.cat([one.detach().flatten() for one in network.parameters()])


@pytest.mark.parametrize("scale", [1e-3, 10.0])  # below the bound of the norm, and above
@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, weight_decay=0.0)])
def test_steps_are_those_of_pytorchs_adamw_on_clipped_gradients(scale, settings):
    ours, theirs = twins()
    flat = FlatAdamW(ours, settings)
    adam = torch.optim.AdamW(
        theirs.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    rng = torch.Generator().manual_seed(0)
    for rate in (0.01, 0.01, 0.003, 0.001):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            gradient = scale * torch.randn(one.shape, generator=rng)
            one.grad.copy_(gradient)
            other.grad = gradient
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), settings.clip_norm)
        for group in (*flat.param_groups, *adam.param_groups):
            group["lr"] = rate
        flat.step()
        adam.step()
        torch.testing.assert_close(values_of(ours), values_of(theirs), rtol=1e-4, atol=1e-6)


def test_a_state_that_was_taken_over_goes_on_the_same():
    ours, theirs = twins()
    one, other = FlatAdamW(ours, SETTINGS), FlatAdamW(theirs, SETTINGS)
    for step in range(3):
        one.gradient[:] = np.sin(step + np.arange(len(one.values)))
        one.step()
    other.values[:] = one.values
    other.load_state_dict(one.state_dict())
    for flat in (one, other):
        flat.gradient[:] = 1.0
        flat.step()
    assert torch.equal(values_of(ours), values_of(theirs))


def test_moments_are_those_of_the_labels_by_size_of_each_unit():
    space = FAMILIES["ofa_mbv3"]
    short, long = "e3k3,e3k3", "e3k3,e3k3,e3k3"
    names = ["|".join([short] * 5), "|".join([long] * 5), "|".join([short] + [long] * 4)]
    found = unit_moments(space, names, np.array([1.0, 4.0, 5.0]))
    assert found[0, 1].tolist() == [3.0, 2.0] and found[0, 2].tolist() == [4.0, 0.0]
    assert found[1, 1].tolist() == [1.0, 0.0] and found[1, 2].tolist() == [4.5, 0.5]
    assert found[0, 0].tolist() == found[0, 3].tolist() == [0.0, 1.0]
