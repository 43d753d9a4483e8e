"""Networks and images small enough to train in a moment."""

import numpy as np
import pytest

from archloom.data.images import Images
from archloom.graph import GraphBuilder


def tiny_images(count=40, size=4):
    """Two classes that differ in brightness."""
    rng = np.random.default_rng(0)
    labels = np.arange(2 * count) % 2
    pixels = rng.integers(0, 8, (2 * count, 1, size, size)) + 8 * labels[:, None, None, None]
    pixels = pixels.astype(np.uint8)
    return Images("tiny", pixels[:count], labels[:count], pixels[count:], labels[count:], 1 / 16, 2)


def tiny_network(width=4, kernel=3, name="tiny"):
    b = GraphBuilder(name=name, family="test")
    x = b.unary("relu", b.unary("batchnorm", b.conv(b.input(4, 4, 1), width, kernel)))
    b.output(b.matmul(b.unary("mean", x), 2))
    return b.build()


@pytest.fixture
def images():
    return tiny_images()


@pytest.fixture
def network():
    return tiny_network


@pytest.fixture
def recipe():
    from archloom.train.recipe import Recipe

    return Recipe(epochs=4, batch_size=10, learning_rate=0.05)
