"""The loop, with the smallest task that there is: a line through points."""

import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archloom.errors import ConfigError, TrainingError
from archloom.train.loop import LoopSettings, backward, seeded, train

SETTINGS = LoopSettings(epochs=4, batch_size=5, learning_rate=0.05, seed=2)


class Line:
    """Fits y = 3 x; a batch is (B,) indices of the points."""

    dev = None
    digest = "line"

    def __init__(self, settings=SETTINGS):
        self.network = seeded(lambda: torch.nn.Linear(1, 1), settings.seed)
        self.settings = settings
        self.x = torch.linspace(-1, 1, 20)[:, None]
        self.batches_seen, self.modes = [], []

    def batches(self, rng):
        order = rng.permutation(20)
        self.batches_seen.append(order.tolist())
        return [order[at : at + 5] for at in range(0, 20, 5)]

    def gradient(self, batch):
        self.modes.append(self.network.training)
        x = self.x[torch.from_numpy(batch)]
        loss = (self.network(x) - 3 * x).square().mean()
        return backward(loss, self.network, self.settings.clip_norm)

    def optimiser(self):
        return torch.optim.Adam(self.network.parameters(), lr=self.settings.learning_rate)


class Selected(Line):
    """The same with a dev set, whose figure is given for every epoch."""

    def __init__(self, figures):
        super().__init__()
        self.figures = iter(figures)

    def dev(self):
        assert not self.network.training
        return next(self.figures)


def weights(task):
    return torch.cat([one.flatten() for one in task.network.state_dict().values()])


class Stop(Exception):
    """Raised in place of a kill."""


def stop_after(epoch):
    def tell(record):
        if record.epoch == epoch:
            raise Stop

    return tell


def test_it_learns_and_tells_how_it_went():
    settings = replace(SETTINGS, epochs=60)
    task, records = Line(settings), []
    progress = train(task, settings, on_epoch=records.append)
    assert task.network.weight.item() == pytest.approx(3, abs=0.1)
    assert not task.network.training and all(task.modes)
    assert [one.epoch for one in records] == list(range(1, 61))
    assert progress.history[-1] == {
        "loss": records[-1].loss,
        "learning_rate": settings.rate(59),
        "dev": None,
    }
    assert progress.seconds == pytest.approx(sum(one.seconds for one in records))
    assert (progress.best_epoch, progress.best_dev) == (0, -np.inf)


def test_every_epoch_draws_from_a_stream_of_its_own():
    task = Line()
    train(task, SETTINGS)
    wanted = [np.random.default_rng([2, epoch]).permutation(20).tolist() for epoch in range(4)]
    assert task.batches_seen == wanted


@pytest.mark.parametrize("stopped", [1, 3])
def test_a_stopped_training_ends_with_the_same_weights(tmp_path, stopped):
    path, whole = tmp_path / "state.safetensors", Line()
    train(whole, SETTINGS)
    with pytest.raises(Stop):
        train(Line(), SETTINGS, checkpoint=path, on_epoch=stop_after(stopped))
    rest, records = Line(), []
    progress = train(rest, SETTINGS, checkpoint=path, on_epoch=records.append)
    assert [one.epoch for one in records] == list(range(stopped + 1, 5))
    assert len(progress.history) == 4
    assert torch.equal(weights(rest), weights(whole))


def test_the_weights_of_the_best_epoch_are_kept_also_over_a_stop(tmp_path):
    path, figures, kept = tmp_path / "state.safetensors", [0.1, 0.9, 0.9, float("nan")], []
    task = Selected(figures)
    progress = train(task, SETTINGS, on_epoch=lambda _: kept.append(weights(task)))
    assert (progress.best_epoch, progress.best_dev) == (2, 0.9)
    assert progress.history[-1]["dev"] is None
    assert torch.equal(weights(task), kept[1]) and not torch.equal(weights(task), kept[3])
    with pytest.raises(Stop):
        train(Selected(figures), SETTINGS, checkpoint=path, on_epoch=stop_after(3))
    rest = Selected(figures[3:])
    assert train(rest, SETTINGS, checkpoint=path).best_epoch == 2
    assert torch.equal(weights(rest), kept[1])


def test_an_undefined_figure_is_no_better_than_none():
    task = Selected([float("nan")] * 4)
    assert train(task, SETTINGS).best_epoch == 1


def test_states_are_not_written_more_often_than_asked(tmp_path):
    path = tmp_path / "state.safetensors"
    train(Line(), SETTINGS, checkpoint=path, checkpoint_seconds=1e9)
    assert not path.exists()


@dataclass(frozen=True)
class Wild(LoopSettings):
    """Goes astray in the last step of the third epoch, or from ``astray`` on."""

    astray: float = 2.7

    def rate(self, epoch):
        return math.inf if epoch >= self.astray else super().rate(epoch)


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_a_training_that_goes_astray_keeps_the_state_before(tmp_path, seconds):
    path, lost, steady = tmp_path / "state.safetensors", Line(), Line()
    settings = replace(SETTINGS, schedule="constant", epochs=2)
    train(steady, settings)
    wild = Wild(**vars(settings) | {"epochs": 4})
    told = (
        "training diverged in epoch 3: weights were not finite after its last step; lower "
        f"learning_rate (now 0.05) or clip_norm (5.0); the state after epoch 2 is kept in {path}."
    )
    with pytest.raises(TrainingError, match=re.escape(told)):
        train(lost, wild, checkpoint=path, checkpoint_seconds=seconds)
    kept = load_file(path)
    assert torch.equal(kept["weights/weight"], steady.network.weight)
    assert torch.equal(weights(lost), weights(steady))


def test_a_training_that_goes_astray_with_a_dev_set_has_the_best_weights():
    kept, task = [], Selected([0.9, 0.1])
    with pytest.raises(TrainingError, match="diverged in epoch 3"):
        train(task, Wild(**vars(SETTINGS)), on_epoch=lambda _: kept.append(weights(task)))
    assert torch.equal(weights(task), kept[0])


def test_a_training_that_goes_astray_at_once_leaves_no_file(tmp_path):
    path, task = tmp_path / "state.safetensors", Line()
    before = weights(task)
    with pytest.raises(TrainingError, match="diverged in epoch 1: the loss was nan at step 2;"):
        train(task, Wild(**vars(SETTINGS), astray=0), checkpoint=path)
    assert torch.equal(weights(task), before) and not path.exists()


def test_another_network_data_or_setting_is_another_training(tmp_path):
    path = tmp_path / "state.safetensors"
    train(Line(), SETTINGS, checkpoint=path)
    other, wider = Line(), Line()
    other.digest = "other points"
    wider.network = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    for task, settings, name in (
        (other, SETTINGS, "data"),
        (wider, SETTINGS, "network"),
        (Line(), replace(SETTINGS, clip_norm=1.0), "clip_norm"),
    ):
        with pytest.raises(TrainingError, match=rf"another training \({name} differ\)"):
            train(task, settings, checkpoint=path)


def test_gradients_are_clipped_and_losses_weighted_by_the_size_of_their_batch():
    class Uneven(Line):
        def batches(self, rng):
            return [np.arange(5), np.arange(5, 20)]

        def gradient(self, batch):
            super().gradient(batch)
            assert sum(one.grad.square().sum() for one in self.network.parameters()) <= 1e-6
            return float(len(batch))

    settings = replace(SETTINGS, clip_norm=1e-3, epochs=1)
    progress = train(Uneven(settings), settings)
    assert progress.history[0]["loss"] == (5 * 5 + 15 * 15) / 20


def test_the_rate_falls_along_a_cosine_in_steps_of_an_epoch():
    settings = LoopSettings(epochs=10, learning_rate=0.1)
    assert settings.rate(0) == settings.rate(0.9) == pytest.approx(0.1)
    assert settings.rate(5) == pytest.approx(0.1 * (0.01 + 0.99 / 2))
    assert replace(settings, schedule="constant").rate(9.5) == 0.1


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": float("nan")}, {"schedule": "linear"}],
)
def test_settings_out_of_range_are_named(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        LoopSettings(**change)


def test_seeded_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    first, second = (seeded(lambda: torch.rand(3), 5) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), state)
