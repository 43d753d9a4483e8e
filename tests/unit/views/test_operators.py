"""The operator view: rows of known nodes, renumbering, imported operators."""

import numpy as np
import torch
from hypothesis import given

from archloom.graph import Graph, GraphBuilder
from archloom.io.importing.torch.reader import from_torch
from archloom.views.operators import (
    BIAS,
    CHANNELS,
    GROUPS,
    N_COLUMNS,
    OPERATOR,
    OPERATORS,
    SIZES,
    WINDOW,
    operator_codes,
    operator_features,
)
from strategies import renumbered_networks


def gated(*, swapped: bool = False) -> Graph:
    """A convolution and a depthwise one whose output is scaled by its mean."""
    b = GraphBuilder()
    x = b.depthwise(b.conv(b.input(32, 16, 3), 8, 3, stride=2, bias=True), 5)
    operands = [x, b.unary("mean", x)]
    b.output(b.mul(operands[::-1] if swapped else operands))
    return b.build()


def test_indices_are_those_of_the_reference():
    wanted = {"<OOV>": 0, "MatMul": 5, "AveragePool": 10, "PRelu": 25, "Slice": 35, "TopK": 40}
    wanted |= {"GlobalAveragePool": 55, "Less": 60, "Mean": 70, "Celu": 80, "ReduceMean": 89}
    assert {name: OPERATORS.index(name) for name in wanted} == wanted
    assert len(set(OPERATORS)) == len(OPERATORS)


def test_rows_say_operator_sizes_and_attributes():
    rows = operator_features(gated())
    names = [OPERATORS[code] for code in rows[:, OPERATOR]]
    assert names == ["input_dummy", "Conv", "Conv", "GlobalAveragePool", "Mul", "output_dummy"]
    _, conv, depthwise, mean, product, _ = rows
    assert conv[CHANNELS].tolist() == [3, 0, 8] and conv[SIZES].tolist() == [32, 16, 0, 0, 16, 8]
    assert conv[WINDOW].tolist() == [3, 3, 2, 2, 1, 1] and (conv[GROUPS], conv[BIAS]) == (1, 1)
    assert depthwise[WINDOW].tolist() == [5, 5, 1, 1, 1, 1] and depthwise[GROUPS] == 8
    assert not mean[WINDOW].any() and mean[SIZES].tolist() == [16, 8, 0, 0, 1, 1]
    assert product[SIZES].tolist() == [16, 8, 1, 1, 16, 8]


def test_the_order_of_operands_does_not_matter():
    one, other = (operator_features(gated(swapped=swapped)) for swapped in (False, True))
    np.testing.assert_array_equal(one, other)


@given(renumbered_networks())
def test_rows_belong_to_nodes_not_to_numbers(pair):
    rows = [operator_features(graph) for graph in pair]
    counted = [np.unique(some, axis=0, return_counts=True) for some in rows]
    for one, other in zip(*counted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_graphs_follow_each_other():
    one, other = gated(), gated(swapped=True)
    joined = operator_features(one, other)
    assert joined.shape == (one.n_nodes + other.n_nodes, N_COLUMNS)
    np.testing.assert_array_equal(joined[: one.n_nodes], operator_features(one))


def test_fixed_nodes_are_the_operators_of_their_definitions():
    class Network(torch.nn.Module):
        def forward(self, x):
            return torch.softmax(torch.exp(x).sum(-1), -1)

    graph = from_torch(Network(), torch.zeros(1, 3, 8, 8)).graph
    names = {OPERATORS[code] for code in operator_codes(graph).tolist()}
    assert {"input_dummy", "Exp", "ReduceSum", "Softmax", "output_dummy"} <= names
