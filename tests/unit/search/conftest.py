"""Fixtures over ``search_world``."""

import pytest

from archloom.graph import Graph
from archloom.search.graphs.mutation import Mutator
from archloom.segments.tokeniser import Tokeniser
from search_world import make_mutator, make_network, make_world


@pytest.fixture(scope="session")
def tokeniser() -> Tokeniser:
    return make_world()[1]


@pytest.fixture(scope="session")
def network() -> Graph:
    return make_network()


@pytest.fixture
def mutator() -> Mutator:
    return make_mutator()
