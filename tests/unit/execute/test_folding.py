"""Constants by NumPy are, bit for bit, those that the operators' own functions give."""

import numpy as np
import pytest

from archloom.errors import GraphError
from archloom.execute import folding
from archloom.execute.folding import computed
from archloom.graph.definition import Definition, Literal, TensorType

FLOAT = TensorType("float32", ())
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 4)).astype(np.float32), RNG.normal(size=(4,)).astype(np.float32)
I, J = np.array([[7, 8], [9, 2**62]]), np.array([2, 3])


def literal(array):
    return Literal(TensorType(array.dtype.name, array.shape), tuple(array.flatten().tolist()))


def definition(op, *arrays, **attributes):
    slots = tuple(None if one is None else literal(one) for one in arrays)
    return Definition(op, slots, (FLOAT,), tuple(sorted(attributes.items())))


def numbers(*values):
    return np.array(values, dtype=np.int64)


BY_NUMPY = [
    ("Add", (A, B), {}),
    ("Add", (I, J), {}),
    ("Cast", (I,), {"to": 6}),
    ("Cast", (A,), {"to": 7}),
    ("Cast", (I,), {"to": 1}),
    ("Cast", (A,), {"to": 9}),
    ("Concat", (I, I), {"axis": -1}),
    ("ConstantOfShape", (numbers(2, 3),), {}),
    ("ConstantOfShape", (numbers(2),), {"value": literal(numbers(5))}),
    ("Div", (I, J), {}),
    ("Div", (A, B), {}),
    ("Equal", (I, J), {}),
    ("Expand", (J, numbers(2, 1)), {}),
    ("Flatten", (A,), {"axis": 0}),
    ("Gather", (A, numbers(-1, 0)), {"axis": 1}),
    ("Gather", (J, np.array(1)), {}),
    ("Greater", (A, B), {}),
    ("Identity", (A,), {}),
    ("Less", (A, B), {}),
    ("Mod", (-I, J), {}),
    ("Mul", (A, B), {}),
    ("Mul", (I, I), {}),
    ("Not", (A > 0,), {}),
    ("Range", (np.array(7), np.array(-2), np.array(-3)), {}),
    ("Reshape", (A, numbers(2, -1)), {}),
    ("Slice", (A, numbers(1), numbers(-9), numbers(1), numbers(-1)), {}),
    ("Slice", (A, numbers(1, 0), numbers(3, 2)), {}),
    ("Slice", (J, numbers(2), numbers(2)), {}),
    ("Sqrt", (np.abs(A),), {}),
    ("Squeeze", (A[:, :1], numbers(1)), {}),
    ("Sub", (A, B), {}),
    ("Transpose", (A,), {}),
    ("Unsqueeze", (J, numbers(0, -1)), {}),
    ("Where", (A > 0, A, B), {}),
]


@pytest.mark.parametrize(("op", "arrays", "attributes"), BY_NUMPY, ids=lambda one: str(one)[:20])
def test_numpy_gives_what_the_function_gives(monkeypatch, op, arrays, attributes):
    one = definition(op, *arrays, **attributes)
    wanted = folding._executed(one, arrays, "node")
    monkeypatch.setattr(folding, "_executed", None)  # NumPy is to do it
    (found,) = computed(one, arrays, "node")
    assert isinstance(found, np.ndarray) and found.flags.c_contiguous
    assert (found.dtype, found.shape) == (wanted[0].dtype, wanted[0].shape)
    assert found.tobytes() == wanted[0].tobytes()


@pytest.mark.parametrize("exponent", [0.5, -0.5])
def test_roots_of_sizes_are_those_of_the_function_up_to_the_last_bit(monkeypatch, exponent):
    power = np.array(exponent, dtype=np.float32)
    sizes = [np.array(size, dtype=np.float32) for size in (1, 2, 8, 64, 100, 1024)]
    given = [(definition("Pow", size, power), (size, power)) for size in sizes]
    wanted = [folding._executed(one, arrays, "node")[0].item() for one, arrays in given]
    monkeypatch.setattr(folding, "_executed", None)  # NumPy is to do it
    found = [computed(one, arrays, "node")[0].item() for one, arrays in given]
    np.testing.assert_allclose(found, wanted, rtol=2e-7)


def test_every_operator_is_tried():
    assert {op for op, _, _ in BY_NUMPY} | {"Pow"} == set(folding._FUNCTIONS)


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "wanted"),
    [
        ("Div", (numbers(-7), numbers(2)), {}, [-3]),  # towards zero, as C does
        ("Mod", (numbers(7), numbers(-4)), {}, [-1]),
        ("Pow", (np.full(1, 2.0, dtype=np.float32), np.full(1, 3.0, dtype=np.float32)), {}, [8]),
        ("Exp", (np.zeros(2, dtype=np.float32),), {}, [1, 1]),
        ("Add", (numbers(1), np.ones(1, dtype=np.float32)), {}, [2]),
    ],
)
def test_the_function_does_the_rest(op, arrays, attributes, wanted):
    (found,) = computed(definition(op, *arrays, **attributes), arrays, "node")
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(GraphError, match="node 'n' cannot be executed.*'Warp'"):
        computed(Definition("Warp", (), (FLOAT,), domain="acme"), (), "node 'n'")
