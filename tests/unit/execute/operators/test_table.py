"""The tables of operators say what is implemented, and the schemas of the standard agree."""

import ast
import inspect
from pathlib import Path

import onnx
import pytest

import archloom.execute.operators as operators
from archloom.errors import GraphError
from archloom.execute import geometry
from archloom.execute.operators import function_of
from archloom.execute.operators.table import ATTRIBUTES, IDLE, OPERATORS
from archloom.execute.types import output_types
from archloom.graph.definition import OPSET, Definition, Operand, TensorType

STANDARD = sorted(name for domain, name in OPERATORS if not domain)
NEWEST = onnx.defs.onnx_opset_version()
REFUSED = {
    ("Attention", "left_window_size"),
    ("Attention", "right_window_size"),
    ("BatchNormalization", "training_mode"),
    ("DequantizeLinear", "output_dtype"),
    ("QuantizeLinear", "precision"),
    ("Range", "stash_type"),
    ("SpaceToDepth", "mode"),
    ("CastLike", "round_mode"),
    ("CastLike", "saturate"),
}
"""Attributes that are refused where they do not have their default."""


def schema(name, version=OPSET):
    known = onnx.defs.has(name, version)
    return onnx.defs.get_schema(name, version if known else NEWEST)


@pytest.mark.parametrize("name", STANDARD)
def test_every_attribute_is_implemented_or_refused(name):
    stated = set(schema(name).attributes) | set(schema(name, NEWEST).attributes)
    handled = ATTRIBUTES[name] | IDLE[name]
    assert not ATTRIBUTES[name] & IDLE[name]
    assert handled <= stated
    assert {(name, one) for one in stated - handled} <= REFUSED


@pytest.mark.parametrize("name", STANDARD)
def test_a_function_takes_every_input_of_its_schema(name):
    parameters = list(inspect.signature(OPERATORS["", name]).parameters.values())[1:]
    if any(one.kind == one.VAR_POSITIONAL for one in parameters):
        return
    assert len(parameters) == schema(name).max_input


def words_read() -> set[str]:
    """Return the attribute names that the operators' code reads."""
    found = set()
    for file in (*Path(operators.__file__).parent.glob("*.py"), Path(geometry.__file__)):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "attribute" and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
            if name == "word" and isinstance(node.args[1], ast.Constant):
                found.add(node.args[1].value)
    return found


def test_what_is_called_implemented_is_read():
    read = words_read() | {"activation_alpha", "activation_beta"}  # one name made of two parts
    assert set().union(*ATTRIBUTES.values()) <= read


def one(op, **attributes):
    operand = Operand(TensorType("float32", (1, 4, 6, 6)))
    return Definition(op, (operand,), (operand.type,), tuple(sorted(attributes.items())))


def test_an_attribute_that_is_not_implemented_is_named():
    for found in (one("Relu", slope=2.0), one("Softmax", axis=1, temperature=2.0)):
        name = found.attributes[-1][0]
        with pytest.raises(GraphError, match=f"attribute '{name}' of {found.op_type} is 2.0"):
            function_of(found, "node")
        with pytest.raises(GraphError, match=f"'{name}'"):
            output_types(found)


@pytest.mark.parametrize(
    ("op", "attribute", "value"),
    [
        ("Gelu", "approximate", "sigmoid"),
        ("MaxPool", "auto_pad", "SOME"),
        ("DepthToSpace", "mode", "ABC"),
    ],
)
def test_a_word_that_is_not_known_is_named(op, attribute, value):
    found = one(
        op, **{attribute: value, "kernel_shape": (2, 2)} if op == "MaxPool" else {attribute: value}
    )
    with pytest.raises(GraphError, match=f"'{attribute}' of {op} is '{value}'"):
        output_types(found)


def test_a_default_that_is_written_out_is_no_attribute_of_another_kind():
    operands = [Operand(TensorType("float32", shape)) for shape in [(1, 4, 6, 6), *[(4,)] * 4]]
    norm = Definition(
        "BatchNormalization", tuple(operands), (operands[0].type,), (("training_mode", 0),)
    )
    assert output_types(norm) == (operands[0].type,)
