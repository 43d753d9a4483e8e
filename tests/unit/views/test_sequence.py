"""Sequence graphs: codes, chains, and graphs taken out of many."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ConfigError
from archloom.spaces import FAMILIES
from archloom.views.sequence import mobile_space, sequence_graphs, skeleton_at


def test_codes_of_a_network():
    space = FAMILIES["ofa_pn"]
    blocks = "e3k3,e6k7|e4k5,e3k3,e3k3|" + "|".join(["e3k3,e3k3"] * 3) + "|e6k3"
    graphs = sequence_graphs(space, [blocks, blocks], resolution=208)
    assert graphs.codes[:5].tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 0, 2, 2],
        [1, 0, 0, 1, 1],
        [1, 1, 0, 0, 0],
        [1, 2, 0, 0, 0],
    ]
    assert graphs.codes[11].tolist() == [5, 0, 0, 2, 0]
    assert graphs.ptr.tolist() == [0, 12, 24] and len(graphs) == 2
    assert graphs.parent.tolist() == [-1, *range(11), -1, *range(12, 23)]
    assert set(graphs.resolution.tolist()) == {0.5}
    assert set(sequence_graphs(FAMILIES["ofa_mbv3"], [SMALLEST]).codes[:, 2]) == {1}


SMALLEST = "|".join(["e3k3,e3k3"] * 5)


@given(st.integers(0, 100), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_taken_graphs_are_those_built_alone(seed, chosen):
    space = FAMILIES["ofa_mbv3"]
    architectures = list(islice(space.architectures(seed), 6))
    taken = sequence_graphs(space, architectures).take(np.array(chosen))
    built = sequence_graphs(space, [architectures[i] for i in chosen])
    for name in ("codes", "resolution", "parent", "ptr"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(built, name))


def test_only_families_of_blocks_have_sequence_graphs():
    with pytest.raises(ConfigError, match="ofa_mbv3, ofa_mbv3_w10, ofa_pn"):
        mobile_space("nb201")


def test_tabulated_families_have_one_input_size():
    assert skeleton_at("ofa_pn", 192).shape == (192, 192, 3)
    assert skeleton_at("nb201").shape == skeleton_at("nb_macro").shape == (32, 32, 3)
    with pytest.raises(ConfigError, match="one input size, 32 pixels"):
        skeleton_at("nb_macro", 32)
