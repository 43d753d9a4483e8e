"""Function classes: twins of every family share one, whatever their strings."""

import pytest

from archloom.errors import GraphError
from archloom.spaces import FAMILIES, function_class

CONV = "conv3x3~0"


@pytest.mark.parametrize(
    ("family", "first", "twin"),
    [
        ("nb101", f"{CONV}|conv1x1~0|output~1,2", f"conv1x1~0|{CONV}|output~1,2"),
        ("nb_macro", "00102010", "00120010"),
        ("tnb101_micro", "64-41414-3_00_203", "64-41414-0_00_200"),
    ],
)
def test_twins_share_a_class(family, first, twin):
    assert function_class(family, first) == function_class(family, twin)


def test_other_families_have_the_architecture_as_class():
    for family in ("hiaml", "mnasnet", "naap", "tnb101_macro"):
        names = [graph.name for graph in FAMILIES[family].sample(5, 0)]
        assert [function_class(family, name) for name in names] == names


def test_a_string_that_is_no_cell_has_no_class():
    with pytest.raises(GraphError, match="not a cell"):
        function_class("tnb101_micro", "64-41414")
