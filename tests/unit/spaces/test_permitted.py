"""Values outside of a space are refused by naming the permitted ones."""

import numpy as np
import pytest

from archloom.errors import GraphError
from archloom.spaces import nb101, nb301, ofa_resnet
from archloom.spaces.ofa_mobile import OFA_MBV3

DEPTHS, RATIOS, WIDTHS = [2, 1, 0, 2, 1], [0.2, 0.25, 0.35] * 6, [0, 1, 2, 0, 1, 2]
STEPS = "('sep_conv_3x3', {0}), ('max_pool_3x3', {1}), " * 4
TEXT = "Genotype(normal=[{0}], normal_concat=range(2, 6), reduce=[{0}], reduce_concat=range(2, 6))"


def test_settings_in_any_type_of_number():
    wanted = ofa_resnet.from_lists(DEPTHS, RATIOS, WIDTHS)
    single = np.array(RATIOS, np.float32)
    assert ofa_resnet.from_lists(np.array(DEPTHS), single, np.array(WIDTHS)) == wanted


@pytest.mark.parametrize(
    ("depths", "ratios", "widths", "why"),
    [
        ([4, 1, 0, 2, 1], RATIOS, WIDTHS, "4 is no depth of the stem: permitted are 0, 2"),
        ([2, 1, 0, 3, 1], RATIOS, WIDTHS, "3 is no depth: permitted are 0, 1, 2"),
        (DEPTHS, [0.3] * 18, WIDTHS, "0.3 is no ratio: permitted are 0.2, 0.25, 0.35"),
        (DEPTHS, [None] * 18, WIDTHS, "None is no ratio"),
        (DEPTHS, RATIOS, [1.0, 0.8, 0, 0, 0, 0], "1.0 is no index of a width: permitted are 0, 1"),
        (DEPTHS, RATIOS, [-1] * 6, "-1 is no index of a width"),
    ],
)
def test_settings_outside_of_the_resnet_space(depths, ratios, widths, why):
    with pytest.raises(GraphError, match=why):
        ofa_resnet.from_lists(depths, ratios, widths)


@pytest.mark.parametrize(
    ("depths", "kernels", "expansions", "why"),
    [
        ([2, 2, 2, 2, 5], [3] * 20, [3] * 20, "5 is no depth: permitted are 2, 3, 4"),
        ([2] * 5, [3.5] * 20, [3] * 20, "3.5 is no kernel: permitted are 3, 5, 7"),
        ([2] * 5, [3] * 20, [0.35] * 20, "0.35 is no expansion: permitted are 3, 4, 6"),
    ],
)
def test_settings_outside_of_the_mobile_space(depths, kernels, expansions, why):
    with pytest.raises(GraphError, match=why):
        OFA_MBV3.from_lists(depths, kernels, expansions)


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        ([[0, 1, 1], [0, 0, 1], [1, 0, 0]], "vertex 2 leads back to vertex 0"),
        ([[0, 1, 1], [0, 1, 1], [0, 0, 0]], "vertex 1 leads back to vertex 1"),
        ([[0, 2, 1], [0, 0, 1], [0, 0, 0]], "2 is no entry of an adjacency matrix"),
        ([[0, 1], [0, 0, 1], [0, 0, 0]], "as many columns and labels as rows"),
    ],
)
def test_matrices_that_are_no_cell(matrix, why):
    with pytest.raises(GraphError, match=why):
        nb101.from_matrix(matrix, ["input", "conv3x3", "output"])


@pytest.mark.parametrize("printed", ["np.int64({})", "numpy.int32({})", "np.intp({})", "{}"])
def test_genotypes_as_numpy_prints_them(printed):
    plain = TEXT.format(STEPS.format(0, 1))
    text = TEXT.format(STEPS.format(printed.format(0), printed.format(1)))
    text = text.replace("'sep_conv_3x3'", "np.str_('sep_conv_3x3')")
    assert nb301.from_genotype(text) == nb301.from_genotype(plain)


@pytest.mark.parametrize("pair", ["('sep_conv_3x3', -1)", "(sep_conv_3x3, 0)", "('none', 0.5)"])
def test_pairs_that_are_none_are_named(pair):
    text = TEXT.format(STEPS.format(0, 1).replace("('sep_conv_3x3', 0)", pair, 1))
    with pytest.raises(GraphError, match="is no pair of an operation and a state"):
        nb301.from_genotype(text)
