"""Accuracy of subnets on images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from archloom.data.image_folder import ImageFolder, standardised
from archloom.execute.module import to_torch
from archloom.io.supernet import Supernet
from archloom.search.units.supernet_accuracy import SupernetAccuracy, TrainedSubnets
from archloom.spaces.common import Skeleton

SMALL = Skeleton("32", (32, 32, 3), (8, 8, 16, 16, 24, 32), 8, 2, head=48, classes=3)
TWO = ["|".join(["e3k3,e3k3"] * 5), "|".join(["e4k5,e3k7"] * 5)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number in range(12):
        home = folder / f"class{number % 3}"
        home.mkdir(exist_ok=True)
        pixels = rng.integers(0, 255, (36, 36, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(home / f"{number}.png")
    return ImageFolder.read(folder)


@pytest.fixture(scope="module")
def accuracy(images):
    supernet = Supernet.random("ofa_mbv3", skeleton=SMALL)
    return SupernetAccuracy(supernet, images.take(6), images, 32, batch=4, device="cpu")


def test_accuracies_are_shares_of_images_classified_correctly(accuracy, images):
    found = accuracy(TWO)
    for architecture, share in zip(TWO, found, strict=True):
        module = accuracy.calibrated(architecture)
        ((crops, classes),) = images.batches(32, 12)
        predicted = module(torch.from_numpy(standardised(crops))).argmax(1).numpy()
        assert share == (predicted == classes).mean()
    assert np.array_equal(accuracy(TWO[::-1]), found[::-1])
    assert len(accuracy([])) == 0


def test_weights_images_and_size_tell_evaluators_apart(accuracy, images):
    others = [
        replace(accuracy, resolution=64),
        replace(accuracy, images=images.take(3)),
        replace(accuracy, supernet=Supernet.random("ofa_mbv3", 1, SMALL)),
    ]
    assert len({one.identity for one in [accuracy, *others]}) == 4
    assert replace(accuracy).identity == accuracy.identity


def test_weights_for_files_compute_what_was_measured(accuracy):
    trained = TrainedSubnets(accuracy.supernet, accuracy, 32)
    assert trained.words.endswith("batch norms measured on 6 images")
    module = accuracy.calibrated(TWO[0])
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    again = to_torch(module.graph, trained.weights(TWO[0])).eval()
    wanted = module(x)
    torch.testing.assert_close(again(x), wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))
    plain = TrainedSubnets(accuracy.supernet, None, 32)
    assert plain.words.endswith("not measured anew")
    norms = [key for key in plain.weights(TWO[0]) if key.endswith(".mean")]
    assert not any(plain.weights(TWO[0])[key].any() for key in norms)
