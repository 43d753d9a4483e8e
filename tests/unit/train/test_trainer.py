from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from archloom.data.images import Images, _decode
from archloom.errors import ConfigError, GraphError, TrainingError
from archloom.spaces import two_path
from archloom.train.checkpoint import write_state
from archloom.train.recipe import RECIPES, Recipe
from archloom.train.trainer import evaluate, learning_rate, make_optimiser, torch_generator, train


class Stop(Exception):
    """Stands for Ctrl-C."""


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


def stop_after(epoch):
    def progress(number, figures):
        if number == epoch:
            raise Stop

    return progress


@pytest.mark.parametrize("optimiser", ["adam", "sgd", "rmsprop"])
def test_training_learns_and_repeats_itself(network, images, recipe, optimiser):
    changes = {"learning_rate": 0.02, "label_smoothing": 0.05, "epochs": 10, "norm_momentum": 0.5}
    recipe = replace(recipe, optimiser=optimiser, **changes)
    first, again = (train(network(), images, recipe, seed=1) for _ in range(2))
    assert first.accuracy == again.accuracy
    assert first.history == again.history
    assert same(first.weights, again.weights)
    assert first.accuracy > 0.9
    assert len(first.history) == recipe.epochs


def test_every_setting_of_a_recipe_reaches_the_training(network, images, recipe):
    changes = {
        "epochs": 3,
        "batch_size": 9,
        "optimiser": "sgd",
        "learning_rate": 0.04,
        "momentum": 0.5,
        "schedule": "constant",
        "final_fraction": 0.5,
        "warmup_epochs": 1.0,
        "weight_decay": 0.01,
        "label_smoothing": 0.1,
        "norm_momentum": 0.5,
        "flip": True,
        "zoom": 0.3,
        "shift": 0.3,
        "precision": "bfloat16",
    }
    named = {one.name for one in fields(Recipe)} - {"dataset", "channels_last"}  # name; speed
    assert set(changes) == named
    before = train(network(), images, recipe, seed=1).weights
    for name, value in changes.items():
        assert getattr(recipe, name) != value
        changed = train(network(), images, replace(recipe, **{name: value}), seed=1)
        assert not same(changed.weights, before), name


def test_seeds_differ(network, images, recipe):
    first, other = (train(network(), images, recipe, seed) for seed in (1, 2))
    assert not same(first.weights, other.weights)


@pytest.mark.parametrize("optimiser", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize(
    "speed", [{}, {"precision": "bfloat16", "channels_last": True}], ids=["plain", "fast"]
)
def test_an_interrupted_training_goes_on_to_the_same_result(
    tmp_path, network, images, recipe, optimiser, speed
):
    recipe = replace(recipe, optimiser=optimiser, flip=True, zoom=0.2, shift=0.1, **speed)
    checkpoint = tmp_path / "state.safetensors"
    whole = train(network(), images, recipe, seed=1)
    with pytest.raises(Stop):
        train(
            network(),
            images,
            recipe,
            1,
            checkpoint,
            checkpoint_seconds=0,
            progress=stop_after(2),
        )
    epochs = []
    rest = train(
        network(), images, recipe, 1, checkpoint, progress=lambda number, _: epochs.append(number)
    )
    assert epochs == [3, 4]
    assert (rest.accuracy, rest.history) == (whole.accuracy, whole.history)
    assert same(rest.weights, whole.weights)
    assert not checkpoint.exists()


def test_fine_tuning_starts_from_given_weights(tmp_path, network, images, recipe):
    first = train(network(), images, recipe)
    still = replace(recipe, learning_rate=1e-12)
    again = train(network(), images, still, start=first.weights)
    kernels = [name for name, one in first.weights.items() if one.dim() > 1]
    for name in kernels:
        torch.testing.assert_close(again.weights[name], first.weights[name])
    assert again.history[-1]["loss"] < train(network(), images, still).history[-1]["loss"]
    with pytest.raises(GraphError, match="weights do not belong"):
        train(network(), images, recipe, start={})


def test_a_checkpoint_of_another_start_is_refused(tmp_path, network, images, recipe):
    path = tmp_path / "state.safetensors"
    weights = train(network(), images, recipe).weights
    with pytest.raises(Stop):
        train(network(), images, recipe, 1, path, checkpoint_seconds=0, progress=stop_after(1))
    with pytest.raises(TrainingError, match=r"another training \(data differ\)"):
        train(network(), images, recipe, 1, path, start=weights)


def test_checkpoints_are_not_written_more_often_than_asked(tmp_path, network, images, recipe):
    seen = []
    train(
        network(),
        images,
        recipe,
        1,
        tmp_path / "state.safetensors",
        checkpoint_seconds=1e9,
        progress=lambda *_: seen.extend(tmp_path.iterdir()),
    )
    assert seen == []


def test_a_foreign_checkpoint_is_refused(tmp_path, network, images, recipe):
    path = tmp_path / "state.safetensors"
    with pytest.raises(Stop):
        train(network(), images, recipe, 1, path, checkpoint_seconds=0, progress=stop_after(1))
    with pytest.raises(TrainingError, match=r"another training \(seed differ\)"):
        train(network(), images, recipe, 2, path)
    with pytest.raises(TrainingError, match=r"another training \(recipe differ\)"):
        train(network(), images, replace(recipe, epochs=9), 1, path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match="cannot be read"):
        train(network(), images, recipe, 1, path)


def test_a_failed_checkpoint_keeps_the_one_before(tmp_path, network, images, recipe):
    path = tmp_path / "state.safetensors"
    module = torch.nn.Linear(1, 1)
    optimiser = torch.optim.SGD(module.parameters())
    write_state(path, module, optimiser, {"graph": "g"}, {}, {})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_state(path, module, optimiser, {}, {"history": {1, 2}}, {})  # no JSON
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_loss_that_is_not_finite_stops_with_advice(network, images, recipe):
    wild = replace(recipe, optimiser="sgd", learning_rate=1e30, schedule="constant")
    with pytest.raises(TrainingError, match=r"'tiny' \(seed 3\): .*: the loss was (nan|inf)"):
        train(network(), images, wild, seed=3)


def test_graph_and_images_must_fit(network, images, recipe):
    narrow = replace(images, classes=3)
    with pytest.raises(ConfigError, match=r"maps \[\(4, 4, 1\)\] to \[\(1, 1, 2\)\]"):
        train(network(), narrow, recipe)


def test_accuracy_is_counted_over_all_test_images(network, images):
    from archloom.execute.module import to_torch

    module = to_torch(network())
    with torch.no_grad():
        module.weights()["5.weight"].zero_()
        module.weights()["5.bias"].copy_(torch.tensor([0.0, 1.0]))
    assert evaluate(module, images, batch_size=7) == pytest.approx(images.test_y.mean())


def test_the_learning_rate_rises_then_follows_the_cosine():
    recipe = Recipe(epochs=10, learning_rate=0.1, warmup_epochs=2, final_fraction=0.01)
    assert learning_rate(recipe, 0) == pytest.approx(0.001)
    assert learning_rate(recipe, 1) == pytest.approx(0.05)
    assert learning_rate(recipe, 2) == pytest.approx(0.1)
    assert learning_rate(recipe, 6) == pytest.approx(0.1 * (0.01 + 0.99 / 2))
    assert learning_rate(recipe, 10) == pytest.approx(0.001)
    constant = replace(recipe, schedule="constant")
    assert learning_rate(constant, 9) == 0.1


def test_only_kernels_decay(network):
    from archloom.execute.module import to_torch

    groups = make_optimiser(to_torch(network()), Recipe(weight_decay=0.5)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert [{one.dim() for one in group["params"]} for group in groups] == [{4, 2}, {1}]


def test_random_choices_depend_on_seed_and_epoch():
    def draw(*key):
        return torch.rand(3, generator=torch_generator(np.random.default_rng(key))).tolist()

    assert draw(1, 2) == draw(1, 2)
    assert draw(1, 2) != draw(2, 1)


# --- precision, layout and device ----------------------------------------------------------------


def test_bfloat16_learns_with_weights_in_float32(network, images, recipe):
    recipe = replace(recipe, epochs=10, learning_rate=0.02, norm_momentum=0.5)
    exact = train(network(), images, recipe, seed=1)
    coarse = train(network(), images, replace(recipe, precision="bfloat16"), seed=1)
    assert coarse.accuracy > 0.9
    assert coarse.history != exact.history
    assert {tensor.dtype for tensor in coarse.weights.values()} == {torch.float32}


def test_convolutions_run_in_the_precision_asked_for(network, images, recipe, monkeypatch):
    seen = []
    original = torch.nn.functional.cross_entropy

    def watch(logits, *arguments, **options):
        seen.append(logits.dtype)
        return original(logits, *arguments, **options)

    def remember(module, operands, result):
        seen.append(result.dtype)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", watch)
    hook = torch.nn.modules.module.register_module_forward_hook(remember)
    try:
        train(network(), images, replace(recipe, epochs=1, precision="bfloat16"))
    finally:
        hook.remove()
    # conv, batch norm, relu, mean, matmul and the whole network, then the loss in float32
    assert seen[0] == torch.bfloat16
    assert seen[:7].count(torch.float32) == 1 and seen[6] == torch.float32


def test_the_layout_changes_speed_only(network, images, recipe):
    recipe = replace(recipe, epochs=1)
    plain = train(network(), images, recipe, seed=1)
    other = train(network(), images, replace(recipe, channels_last=True), seed=1)
    for name, tensor in plain.weights.items():
        torch.testing.assert_close(other.weights[name], tensor, rtol=1e-3, atol=1e-4)
        assert other.weights[name].is_contiguous()


@pytest.mark.parametrize(("last", "wanted"), [(False, (16, 16, 4, 1)), (True, (16, 1, 4, 1))])
def test_images_of_one_channel_have_the_layout_asked_for(network, images, recipe, last, wanted):
    """NumPy leaves the stride of a single channel open, and PyTorch chooses kernels by it."""
    odd = replace(images, train_x=images.train_x[:, 0][:, None][np.arange(len(images.train_x))])
    assert odd.train_x.strides[1] != 16
    seen = []

    def remember(module, operands):
        if module.training:
            seen.append(operands[0].stride())

    hook = torch.nn.modules.module.register_module_forward_pre_hook(remember)
    try:
        train(network(), odd, replace(recipe, epochs=1, channels_last=last))
    finally:
        hook.remove()
    assert seen[0] == wanted


def test_float16_needs_a_gpu(network, images, recipe):
    with pytest.raises(ConfigError, match="float16 needs CUDA and the device is cpu: use bfloat16"):
        train(network(), images, replace(recipe, precision="float16"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_training_on_a_gpu(tmp_path, network, images, recipe, precision):
    recipe = replace(recipe, epochs=10, learning_rate=0.02, norm_momentum=0.5, precision=precision)
    path = tmp_path / "state.safetensors"
    with pytest.raises(Stop):
        stop = stop_after(2)
        train(
            network(), images, recipe, 1, path, checkpoint_seconds=0, progress=stop, device="cuda"
        )
    outcome = train(network(), images, recipe, 1, path, device="cuda")
    assert outcome.accuracy > 0.9 and len(outcome.history) == 10
    assert {str(tensor.device) for tensor in outcome.weights.values()} == {"cpu"}


# --- real images ---------------------------------------------------------------------------------


@pytest.fixture
def photographs(data_folder, tmp_path):
    """A few dozen images of CIFAR-10."""
    table = pq.read_table(data_folder / "cifar10" / "test.parquet").slice(0, 96)
    pq.write_table(table, tmp_path / "few.parquet")
    pixels, labels = _decode(tmp_path / "few.parquet")
    return Images("few", pixels[:64], labels[:64], pixels[64:], labels[64:], 1 / 255, 10)


@pytest.mark.parametrize("name", ["cifar10", "cifar10-short"])
def test_both_recipes_train_on_real_images(photographs, name):
    (graph,) = two_path.sample(1, 0)
    recipe = replace(RECIPES[name], epochs=2, batch_size=32)
    outcome = train(graph, photographs, recipe, seed=0)
    assert [row["loss"] < 10 for row in outcome.history] == [True, True]
    assert 0 <= outcome.accuracy <= 1
