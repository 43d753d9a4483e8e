"""Folding of constants, and networks that hold for every batch."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archloom as al
from archloom.errors import FormatError
from archloom.execute.tensors import array_of
from archloom.graph.definition import TensorType
from archloom.io.importing.model import to_model
from archloom.io.importing.operations import Body, Network, Operation

IMAGE = TensorType("float32", (1, 4, 6, 6))


def network(operations, constants=None, shape=IMAGE.shape, outputs=("y",), **more):
    inputs = {"x": TensorType("float32", tuple(shape))}
    data = {name: array_of(torch.as_tensor(value)) for name, value in (constants or {}).items()}
    return Network(tuple(operations), inputs, outputs, data, **more)


def splits(size: int) -> st.SearchStrategy[list[int]]:
    """All ways to write ``size`` as a product, in a drawn order."""

    def cut(numbers: list[int]) -> list[int]:
        result, rest = [], size
        for number in numbers:
            part = math.gcd(number, rest)
            result.append(part)
            rest //= part
        return [*result, rest]

    return st.lists(st.sampled_from([1, 2, 3, 4, 6]), max_size=3).map(cut)


@settings(max_examples=60, deadline=None)
@given(rest=splits(24), batch=st.sampled_from([1, 3]), left=st.booleans(), data=st.data())
def test_a_reshape_behind_the_batch_holds_for_every_batch(rest, batch, left, data):
    target = [batch, *rest]
    if left:
        target[data.draw(st.integers(0, len(target) - 1))] = -1
    given = network(
        [Operation("Relu", ("x",), ("r",)), Operation("Reshape", ("r", "t"), ("y",))],
        {"t": target},
        shape=(1, 4, 6),
        batch=batch,
    )
    model = to_model(given)
    x = torch.randn(5, 4, 6)
    found = al.to_torch(model.graph)(x)
    assert torch.equal(found.flatten(), x.relu().flatten())
    assert found.shape[0] == 5 and not model.notes


def test_sizes_that_are_computed_from_the_batch_hold_for_every_batch():
    operations = [
        Operation("Shape", ("x",), ("s",), {"start": 0, "end": 1}),
        Operation("Concat", ("s", "rest"), ("t",), {"axis": 0}),
        Operation("Reshape", ("x", "t"), ("r",)),
        Operation("Expand", ("token", "t"), ("e",)),
        Operation("Add", ("r", "e"), ("y",)),
    ]
    token = torch.randn(1, 1, 36)
    model = to_model(network(operations, {"rest": [4, 36], "token": token}))
    x = torch.randn(3, 4, 6, 6)
    found = al.to_torch(model.graph, model.weights)(x)
    torch.testing.assert_close(found, x.reshape(3, 4, 36) + token)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_class_token_is_repeated_for_the_batch(batch):
    token = torch.randn(1, 1, 6)
    join = Operation("Concat", ("c", "x"), ("y",), {"axis": 1})
    constants = {"c": token.repeat(batch, 1, 1)}
    model = to_model(network([join], constants, shape=(1, 4, 6), batch=batch))
    x = torch.randn(3, 4, 6)
    found = al.to_torch(model.graph, model.weights)(x)
    torch.testing.assert_close(found, torch.cat([token.expand(3, 1, 6), x], 1))


def test_a_network_for_one_input_says_which_node_makes_it_so():
    add = Operation("Concat", ("x", "c"), ("y",), {"axis": 0}, name="join")
    model = to_model(network([add], {"c": torch.ones(1, 4, 6, 6)}))
    assert model.graph.n_nodes
    wrong = Operation("MatMul", ("x", "w"), ("m",), name="mixes")
    shaped = Operation("Reshape", ("x", "t"), ("y",), {"allowzero": 0}, name="turn")
    model = to_model(
        network(
            [
                shaped,
                Operation("Einsum", ("y", "y"), ("z",), {"equation": "ab,bc->ac"}, name="square"),
            ],
            {"t": [-1, 12]},
            outputs=("z",),
        )
    )
    assert "'square'" in model.notes[0] and "batches of one" in model.notes[0]
    with pytest.raises(FormatError, match="'mixes' .MatMul.: MatMul cannot take inputs"):
        to_model(network([wrong], {"w": torch.ones(5, 5)}, outputs=("m",)))


def test_what_depends_on_constants_alone_is_folded():
    operations = [
        Operation("Mul", ("a", "a"), ("b",)),
        Operation("Transpose", ("b",), ("w",), {"perm": (1, 0, 2, 3)}),
        Operation("Conv", ("x", "w"), ("y",)),
    ]
    weight = torch.randn(4, 2, 3, 3)
    model = to_model(network(operations, {"a": weight}))
    assert [model.graph.op_name(i) for i in range(3)] == ["input", "conv", "output"]
    assert torch.equal(model.weights["1.weight"], (weight * weight).transpose(0, 1))
    assert not model.origins


@pytest.mark.parametrize("condition", [True, False])
def test_the_branch_of_a_constant_condition_is_taken(condition):
    def body(op):
        return Body((Operation(op, ("x",), ("inner",)),), ("inner",))

    branch = Operation(
        "If", ("c",), ("y",), {"then_branch": body("Relu"), "else_branch": body("Tanh")}
    )
    graph = to_model(network([branch], {"c": condition})).graph
    assert graph.op_name(1) == ("relu" if condition else "tanh")


def test_a_missing_value_is_named():
    with pytest.raises(FormatError, match="reads 'z', which nothing before it computes"):
        to_model(network([Operation("Relu", ("z",), ("y",))]))
    with pytest.raises(FormatError, match="output 'out' is computed by nothing"):
        to_model(network([Operation("Relu", ("x",), ("y",))], outputs=("out",)))
