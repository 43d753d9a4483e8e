"""A small world to search in: a vocabulary and a database of two reduced families."""

import pytest

from archloom.graph import Graph
from archloom.search.mutation import Mutator
from archloom.search.settings import SearchSettings
from archloom.segments.database import SegmentDatabase, build_database
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.training import train_vocabulary
from archloom.spaces import hiaml, nb201
from search_world import ConvCount


@pytest.fixture(scope="session")
def families() -> list[Graph]:
    nb = nb201.sample(24, 0, nb201.REDUCED)
    return [*nb, *hiaml.sample(16, 0, hiaml.REDUCED)]


@pytest.fixture(scope="session")
def tokeniser(families: list[Graph]) -> Tokeniser:
    return Tokeniser(train_vocabulary(families, size=400))


@pytest.fixture(scope="session")
def database(families: list[Graph], tokeniser: Tokeniser) -> SegmentDatabase:
    return build_database(families, tokeniser)


@pytest.fixture(scope="session")
def network() -> Graph:
    first, last = "nor_conv_3x3~0|nor_conv_3x3~1", "skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2"
    cell = f"|nor_conv_3x3~0|+|{first}|+|{last}|"
    return nb201.build(cell, nb201.REDUCED)


@pytest.fixture
def settings() -> SearchSettings:
    return SearchSettings(
        family="nb201",
        iterations=2,
        top_k=3,
        max_sources=4,
        max_targets=12,
        min_flops_decrease=-100,
        max_flops_decrease=100,
    )


@pytest.fixture
def mutator(database: SegmentDatabase, tokeniser: Tokeniser, settings: SearchSettings) -> Mutator:
    return Mutator(database, tokeniser, ConvCount(), settings)
