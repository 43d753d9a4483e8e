from dataclasses import replace

import pytest

from archloom.errors import ConfigError
from archloom.train.recipe import RECIPES, Recipe, recipe_named


def test_the_hash_tells_recipes_apart():
    assert Recipe().hash == Recipe().hash
    assert Recipe(epochs=7).hash != Recipe().hash


def test_later_fields_count_only_where_they_are_set():
    assert Recipe(precision="float32", channels_last=False).hash == Recipe().hash
    changed = {Recipe(precision="bfloat16").hash, Recipe(channels_last=True).hash, Recipe().hash}
    assert len(changed) == 3


def test_the_digits_recipe_is_that_of_the_committed_labels():
    assert recipe_named("digits").hash == "3667f1073e57e8ad"


def test_the_papers_recipe():
    recipe = RECIPES["cifar10"]
    assert (recipe.optimiser, recipe.batch_size, recipe.epochs) == ("rmsprop", 256, 200)
    assert (recipe.learning_rate, recipe.final_fraction, recipe.momentum) == (1e-3, 1e-3, 0.9)
    assert (recipe.flip, recipe.zoom, recipe.norm_momentum) == (True, 0.2, 0.01)


def test_settings_change_the_recipe_of_their_dataset():
    assert Recipe.from_dict({}) == RECIPES["digits"]
    changed = Recipe.from_dict({"dataset": "cifar10", "epochs": 3, "batch_size": None})
    assert (changed.epochs, changed.batch_size) == (3, 256)
    short = Recipe.from_dict({"dataset": "cifar10", "short": True, "precision": "float16"})
    assert short == replace(RECIPES["cifar10-short"], precision="float16")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "'epoch' is not a setting; did you mean epochs"),
        ({"epochs": 0}, "epochs is 0; it must be above 0"),
        ({"optimiser": "lion"}, "optimiser is 'lion'; it must be one of adam, sgd, rmsprop"),
        ({"schedule": "step"}, "schedule is 'step'; it must be one of cosine, constant"),
        ({"precision": "int8"}, "must be one of float32, bfloat16, float16"),
        ({"dataset": "mnist"}, "no recipe 'mnist': use one of digits, cifar10"),
        ({"short": True}, "no recipe 'digits-short': use one of digits, cifar10, cifar10-short"),
    ],
)
def test_mistakes_are_explained(values, message):
    with pytest.raises(ConfigError, match=message):
        Recipe.from_dict(values)
