"""Function classes: twins of every family share one, whatever their strings."""

import pytest

from archloom.errors import GraphError
from archloom.spaces import FAMILIES, function_class, nb101

CONV = "conv3x3~0"


def darts(normal, reduction="skip_connect~0,skip_connect~1"):
    """Two cells whose first steps are given, the rest the same in all."""
    rest = "|sep_conv_3x3~0,sep_conv_3x3~2|dil_conv_3x3~1,sep_conv_3x3~2|none~0,max_pool_3x3~3"
    return f"{normal}{rest};{reduction}{rest}"


@pytest.mark.parametrize(
    ("family", "first", "twin"),
    [
        ("nb301", darts("none~0,sep_conv_3x3~1"), darts("sep_conv_3x3~1,none~1")),
        ("nb301", darts("none~0,none~1"), darts("none~1,none~1")),
        ("nb101", f"{CONV}|conv1x1~0|output~1,2", f"conv1x1~0|{CONV}|output~1,2"),
        ("nb_macro", "00102010", "00120010"),
        ("tnb101_micro", "64-41414-3_00_203", "64-41414-0_00_200"),
    ],
)
def test_twins_share_a_class(family, first, twin):
    assert function_class(family, first) == function_class(family, twin)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (darts("skip_connect~0,none~1"), darts("skip_connect~1,none~1")),
        (darts("none~0,none~1"), darts("none~0,sep_conv_3x3~1")),
        (darts("none~0,none~0"), darts("none~0,none~0", "none~0,none~0")),
    ],
)
def test_different_darts_cells_have_different_classes(first, other):
    assert function_class("nb301", first) != function_class("nb301", other)


def test_a_skip_passes_terms_on_where_it_is_no_reduction():
    """Out of states 0 and 1 of a reduction cell it is one, which makes a term of its own."""
    step, rest = "skip_connect~0,sep_conv_3x3~1", "|none~0,none~0" * 2
    through = f"{step}|skip_connect~2,none~0{rest}"
    direct = f"{step}|skip_connect~0,sep_conv_3x3~1{rest}"
    normal = [function_class("nb301", f"{cell};{direct}") for cell in (through, direct)]
    assert normal[0] == normal[1]
    reduction = [function_class("nb301", f"{direct};{cell}") for cell in (through, direct)]
    assert reduction[0] == reduction[1]
    other = f"{step}|dil_conv_3x3~2,none~0{rest}"
    assert function_class("nb301", f"{other};{direct}") != normal[0]


def test_class_of_every_small_cell_of_nb101_is_its_own():
    cells = [cell for _, cell in zip(range(500), nb101.enumerate_all(), strict=False)]
    assert len({nb101.cell_class(cell) for cell in cells}) == 500


def test_other_families_have_the_architecture_as_class():
    for family in ("hiaml", "mnasnet", "naap", "tnb101_macro"):
        names = [graph.name for graph in FAMILIES[family].sample(5, 0)]
        assert [function_class(family, name) for name in names] == names


def test_a_string_that_is_no_cell_has_no_class():
    with pytest.raises(GraphError, match="not a cell"):
        function_class("tnb101_micro", "64-41414")
