"""Units: how many there are, and that each node's path is what its words say."""

import numpy as np
import pytest

from archloom.spaces import FAMILIES
from archloom.views.block_space import block_space
from archloom.views.sequence import sequence_graphs
from archloom.views.units import all_units, largest_unit, unit_sizes


@pytest.mark.parametrize(
    ("family", "counts", "largest"),
    [("ofa_mbv3", [7371] * 5, 4), ("ofa_pn", [7371] * 4 + [66339], 5)],
)
def test_number_of_units(family, counts, largest):
    units = all_units(FAMILIES[family])
    assert np.bincount(units.unit).tolist() == counts
    assert len(set(zip(units.unit.tolist(), units.blocks, strict=True))) == len(units)
    assert largest_unit(FAMILIES[family]) == units.size.max() == largest


@pytest.mark.parametrize("family", ["ofa_mbv3", "ofa_pn"])
def test_a_unit_is_the_path_to_its_node(family):
    space = FAMILIES[family]
    units, spans = all_units(space), block_space(family).spans
    smallest = ["e3k3,e3k3"] * 5 + ["e3k3"] * (len(space.stages) - 5)
    for i in np.random.default_rng(0).integers(0, len(units), size=60).tolist():
        first, last = spans[units.unit[i]]
        stages = smallest[:first] + units.blocks[i].split("|") + smallest[last + 1 :]
        whole = sequence_graphs(space, ["|".join(stages)])
        wanted = whole.codes[(whole.codes[:, 0] >= first) & (whole.codes[:, 0] <= last)]
        path = [units.node[i]]
        while units.forest.parent[path[-1]] >= 0:
            path.append(units.forest.parent[path[-1]])
        np.testing.assert_array_equal(units.forest.codes[path[::-1]], wanted)
        assert units.size[i] == len(wanted)
        assert unit_sizes(space, "|".join(stages))[units.unit[i]] == len(wanted)


def test_the_last_stage_belongs_to_the_unit_before():
    space = FAMILIES["ofa_pn"]
    network = "e3k3,e3k3|e3k3,e3k3,e3k3|e3k3,e3k3|e3k3,e3k3|e3k3,e3k3,e3k3,e3k3|e3k3"
    assert block_space("ofa_pn").spans[-1] == (4, 5)
    assert unit_sizes(space, network) == [2, 3, 2, 2, 5]
