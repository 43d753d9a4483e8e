"""Small graphs and vocabularies for the tests of segments."""

import json

import numpy as np
import pytest

from archloom.graph import Graph, GraphBuilder
from archloom.io.reference.cg_json import from_cg_json
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.training import train_vocabulary
from archloom.segments.vocabulary import Vocabulary


def small_network(seed: int) -> Graph:
    """A random network of residual, pooled and concatenated blocks; 20 to 60 nodes."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder(name=f"net{seed}", family=("even", "odd")[seed % 2])
    x = b.input(16, 16, 3)
    x = b.unary("relu", b.unary("batchnorm", b.conv(x, 8)))
    for _ in range(int(rng.integers(2, 6))):
        kind = int(rng.integers(4))
        branch = b.unary("batchnorm", b.conv(x, 8, int(rng.choice([1, 3]))))
        if kind == 0:
            x = b.add([b.unary("relu", branch), x])
        elif kind == 1:
            x = b.conv(b.concat([branch, b.pool("maxpool", x, 3)]), 8, 1)
        elif kind == 2:
            x = b.unary("relu", b.add([branch, b.unary("batchnorm", b.conv(x, 8))]))
        else:
            x = b.unary("relu", branch)
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


@pytest.fixture(scope="session")
def networks() -> list[Graph]:
    return [small_network(seed) for seed in range(24)]


@pytest.fixture(scope="session")
def tokeniser(networks) -> Tokeniser:
    return Tokeniser(train_vocabulary(networks, size=90))


@pytest.fixture(scope="session")
def published(data_folder) -> Tokeniser:
    return Tokeniser(Vocabulary.from_published(data_folder / "autogo_vocab"))


@pytest.fixture(scope="session")
def goldens(data_folder) -> dict:
    return json.loads((data_folder / "autogo_vocab/golden_segmentation.json").read_text())


@pytest.fixture(scope="session")
def shipped(data_folder) -> dict[str, Graph]:
    """The 22 graphs released with AutoGO, by name."""
    paths = sorted((data_folder / "autogo_cgs").glob("*.json"))
    return {path.stem: from_cg_json(json.loads(path.read_text())) for path in paths}
