"""What AutoBuild sees of a family: units that together are the architecture, tables in full."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ConfigError, GraphError
from archloom.spaces import FAMILIES, nb201, nb_macro
from archloom.views.block_space import BLOCK_SPACES, block_space
from archloom.views.sequence import block_family, sequence_graphs
from archloom.views.units import all_units


@given(st.integers(0, 15_624))
def test_the_units_of_a_cell_are_the_edges_into_its_states(index):
    cell = nb201.format_cell(
        [nb201.OPERATIONS[(index // 5**i) % 5] for i in range(len(nb201.SOURCES))]
    )
    units = block_space("nb201").units(cell)
    assert [len(unit.split(",")) for unit in units] == [1, 2, 3]
    assert block_space("nb201").join(units) == cell


def test_the_units_of_a_tabulated_family_make_all_its_networks():
    for family, counts, every in (
        ("nb201", [5, 25, 125], nb201.enumerate_all()),
        ("nb_macro", [9, 21, 21], nb_macro.enumerate_all()),
    ):
        units = all_units(FAMILIES[family])
        assert np.bincount(units.unit).tolist() == counts
        words = [[units.blocks[i] for i in np.flatnonzero(units.unit == unit)] for unit in range(3)]
        assert {block_space(family).join(one) for one in product(*words)} == set(every)


@pytest.mark.parametrize("family", ["ofa_mbv3", "ofa_pn"])
def test_units_of_the_supernets_are_stages(family):
    network = next(FAMILIES[family].architectures(3))
    units = block_space(family).units(network)
    assert len(units) == 5 and "|".join(units) == block_space(family).join(units) == network


def test_codes_of_a_cell_and_of_a_macro_network():
    cell = "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|nor_conv_3x3~1|none~2|"
    assert sequence_graphs(nb201, [cell]).codes.tolist() == [
        [0, 0, 0, 1, 1],
        [1, 0, 0, 0, 0],
        [1, 1, 0, 1, 0],
        [2, 0, 0, 2, 0],
        [2, 1, 0, 2, 1],
        [2, 2, 0, 0, 0],
    ]
    codes = sequence_graphs(nb_macro, ["01200000"]).codes
    assert codes[:3].tolist() == [[0, 0, 0, 0, 0], [0, 1, 0, 1, 1], [1, 0, 0, 2, 2]]


def test_every_graph_may_have_an_input_size_of_its_own():
    smallest = "|".join(["e3k3,e3k3"] * 5)
    graphs = sequence_graphs(
        FAMILIES["ofa_mbv3_w10"], [smallest, smallest], resolution=np.array([128, 224])
    )
    assert graphs.resolution.tolist() == [-2.0] * 10 + [1.0] * 10


def test_families_without_blocks_and_foreign_networks_are_refused():
    with pytest.raises(ConfigError, match="'hiaml' is no family of block networks"):
        block_family("hiaml")
    with pytest.raises(GraphError, match="not an NB-201 cell"):
        sequence_graphs(nb201, ["|none~0|"])
    assert all(family in FAMILIES for family in BLOCK_SPACES)
