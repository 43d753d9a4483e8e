"""Types by closed forms are those that the operators' own functions give, or none."""

import numpy as np
import pytest

from archloom.errors import GraphError
from archloom.execute.operators import executed_types
from archloom.execute.operators.table import ATTRIBUTES, IDLE
from archloom.execute.types import closed_form, output_types
from archloom.execute.types.table import FORMS, KNOWN
from archloom.graph.definition import Definition, Literal, Operand, TensorType

FLOAT = TensorType("float32", ())


def values(*shape, dtype="float32"):
    return Operand(TensorType(dtype, shape))


def ints(*numbers):
    return Literal(TensorType("int64", (len(numbers),)), numbers)


def scalar(number, dtype="float32"):
    return Literal(TensorType(dtype, ()), (number,))


def definition(op, *slots, outputs=1, **attributes):
    return Definition(op, slots, (FLOAT,) * outputs, tuple(sorted(attributes.items())))


X, V, F = values(1, 4, 6, 7), values(4), values(8, 4, 3, 3)
ORDINARY = [
    definition("Relu", X),
    definition("Selu", X, alpha=1.5, gamma=1.1),
    definition("Gelu", X, approximate="tanh"),
    definition("Clip", X, None, scalar(6.0)),
    definition("Cast", X, to=7),
    definition("Add", X, values(4, 1, 1)),
    definition("Div", ints(7, 8), ints(2, 2)),
    definition("Max", X, X, scalar(0.0)),
    definition("Pow", X, scalar(2.0)),
    definition("Equal", ints(1, 2), ints(1, 3)),
    definition("And", values(2, 1, dtype="bool"), values(3, dtype="bool")),
    definition("Not", values(2, dtype="bool")),
    definition("Where", values(6, 1, dtype="bool"), X, scalar(0.0)),
    definition("Dropout", X, scalar(0.5)),
    definition("Conv", X, F, values(8), pads=(1, 1, 1, 1), strides=(2, 1)),
    definition("Conv", X, values(8, 2, 3, 3), group=2, dilations=(2, 2), auto_pad="SAME_UPPER"),
    definition("Conv", values(1, 4, 9), values(8, 4, 3)),
    definition("ConvTranspose", X, values(4, 2, 3, 3), strides=(2, 2), output_padding=(1, 0)),
    definition("ConvTranspose", X, values(4, 2, 3, 3), values(4), group=2, pads=(1, 1, 1, 1)),
    definition("ConvTranspose", X, values(4, 2, 3, 3), strides=(2, 2), output_shape=(12, 14)),
    definition("MaxPool", X, kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1),
    definition("AveragePool", X, kernel_shape=(2, 2), pads=(1, 0, 1, 0), count_include_pad=1),
    definition("GlobalAveragePool", X),
    definition("Resize", X, None, Literal(TensorType("float32", (4,)), (1.0, 1.0, 2.0, 1.5))),
    definition("Resize", X, None, None, ints(9, 3), axes=(2, 3), mode="linear"),
    definition("BatchNormalization", X, V, V, V, V),
    definition("BatchNormalization", X, V, V, V, V, momentum=0.9, training_mode=0),
    definition("Dropout", X, None, scalar(False, "bool")),
    definition("Resize", X, None, None, ints(1, 4, 9, 3), nearest_mode="ceil", antialias=0),
    definition("InstanceNormalization", X, V, V),
    definition("LayerNormalization", X, values(7), values(7)),
    definition("Softmax", X, axis=1),
    definition("Gemm", values(3, 5), values(8, 5), values(8), transB=1),
    definition("MatMul", values(2, 1, 3, 5), values(4, 5, 6)),
    definition("ReduceMean", X, ints(-1, -2), keepdims=0),
    definition("ReduceSum", X),
    definition("ReduceL2", X, ints(1)),
    definition("Reshape", X, ints(0, -1, 7)),
    definition("Flatten", X, axis=2),
    definition("Squeeze", values(1, 4, 1, 2), ints(0)),
    definition("Squeeze", values(1, 4, 1, 2)),
    definition("Unsqueeze", values(3, 4), ints(0, -1)),
    definition("Transpose", X, perm=(0, 2, 3, 1)),
    definition("Transpose", X),
    definition("Concat", X, values(1, 2, 6, 7), axis=1),
    definition("Split", X, ints(1, 3), axis=1, outputs=2),
    definition("Split", X, axis=3, outputs=3),
    definition("Slice", X, ints(1, -1), ints(100, -100), ints(1, 3), ints(2, -2)),
    definition("Pad", X, ints(0, 0, 1, 2, 0, 0, 3, 4)),
    definition("Pad", X, ints(1, 2), None, ints(2), mode="reflect"),
    definition("Pad", X, ints(0, 0, -1, 2, 0, 0, 3, -4)),
    definition("Slice", ints(4, 5), ints(2), ints(2)),
    definition("Range", scalar(7, "int64"), scalar(-2, "int64"), scalar(-3, "int64")),
    definition("Mod", ints(7, -8), ints(2, 3)),
    definition("Expand", values(4, 1), ints(2, 1, 5)),
    definition("Gather", X, values(2, 3, dtype="int64"), axis=1),
    definition("ConstantOfShape", ints(2, 3)),
    definition("DepthToSpace", X, blocksize=2),
    definition("SpaceToDepth", values(1, 4, 6, 8), blocksize=2),
    definition("PRelu", X, values(4, 1, 1)),
]


@pytest.mark.parametrize("one", ORDINARY, ids=lambda one: one.op_type)
def test_closed_forms_give_what_the_function_gives(one):
    assert closed_form(one) == executed_types(one)


WRONG = [
    definition("Add", X, values(5, 1, 1)),
    definition("Add", X),
    definition("Conv", X, values(8, 3, 3, 3)),
    definition("Conv", X, values(8, 4, 9, 9)),
    definition("MaxPool", X, kernel_shape=(9, 9)),
    definition("BatchNormalization", X, V, V, V, values(5)),
    definition("InstanceNormalization", X, V, values(5)),
    definition("InstanceNormalization", values(1, 4, 1, 1), V, V),
    definition("LayerNormalization", X, values(7), values(6)),
    definition("Gemm", values(3, 5), values(8, 5)),
    definition("MatMul", values(2, 3, 5), values(3, 5, 6)),
    definition("ReduceMean", X, ints(7)),
    definition("Reshape", X, ints(5, -1)),
    definition("Reshape", X, ints(-1, -1)),
    definition("Transpose", X, perm=(0, 1, 2)),
    definition("Concat", X, values(1, 2, 5, 7), axis=1),
    definition("Split", X, ints(1, 2), axis=1, outputs=2),
    definition("Slice", X, ints(0), ints(1), ints(1), ints(0)),
    definition("Expand", values(4, 3), ints(2, 4, 5)),
    definition("Clip", X, Literal(TensorType("float32", (0,)), ())),
]


@pytest.mark.parametrize("one", WRONG, ids=lambda one: one.op_type)
def test_what_does_not_fit_is_refused_by_the_function(one):
    assert closed_form(one) is None
    with pytest.raises(GraphError, match=f"{one.op_type} cannot take inputs of the shapes"):
        output_types(one)


BY_DEFAULT = {("BatchNormalization", "training_mode")}
"""Attributes of forms whose default alone is implemented."""


@pytest.mark.parametrize("op", sorted(FORMS))
def test_a_form_knows_no_attribute_that_the_function_does_not(op):
    more = KNOWN[op] - ATTRIBUTES[op] - IDLE[op]
    assert {(op, name) for name in more} <= BY_DEFAULT


REFUSED = [
    definition("Relu", X, slope=0.1),
    definition("Softmax", X, temperature=2.0),
    definition("Gelu", X, approximate="sigmoid"),
    definition("BatchNormalization", X, V, V, V, V, training_mode=1),
    definition("Dropout", X, scalar(0.5), scalar(True, "bool")),
    definition("DepthToSpace", X, blocksize=2, mode="ABC"),
    definition("Pad", X, ints(0, 0, 1, 1, 0, 0, 1, 1), mode="mirror"),
    definition("MaxPool", X, kernel_shape=(2, 2), auto_pad="SOME"),
    definition("ConvTranspose", X, values(4, 2, 3, 3), auto_pad="SOME"),
    definition("Resize", X, None, None, ints(1, 4, 9, 3), mode="area"),
    definition("Resize", X, None, None, ints(1, 4, 9, 3), nearest_mode="up"),
    definition("Resize", X, None, None, ints(1, 4, 9, 3), keep_aspect_ratio_policy="crop"),
]


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one.op_type)
def test_what_is_not_implemented_is_refused_in_spite_of_forms(one):
    with pytest.raises(GraphError, match="not implemented|training mode"):
        output_types(one)


def test_what_depends_on_data_is_left_to_the_function():
    one = definition("Reshape", X, values(2, dtype="int64"))
    assert closed_form(one) is None and output_types(one) is None


def test_mixed_and_narrow_types_are_left_to_the_function():
    half = values(1, 4, 6, 7, dtype="float16")
    for one in (definition("Relu", half), definition("Add", X, values(4, 6, 7, dtype="int64"))):
        assert closed_form(one) is None and output_types(one) == executed_types(one)


@pytest.mark.slow
def test_closed_forms_agree_with_all_cases_of_the_standard():
    from onnx.backend.test.case.node import collect_testcases

    from archloom.io.importing.onnx.reader import _Reader

    agreed, wrong = set(), set()
    for case in collect_testcases(None):
        node = case.model.graph.node[0]
        if len(case.model.graph.node) > 1 or node.domain or node.op_type not in FORMS:
            continue
        for inputs, _ in case.data_sets:
            waiting = iter(inputs)
            given = [next(waiting) if name else None for name in node.input]
            if not all(one is None or isinstance(one, np.ndarray) for one in given):
                continue
            attributes = sorted(_Reader(case.model)._operation(node).attributes.items())
            outputs = (FLOAT,) * len(node.output)
            one = Definition(node.op_type, tuple(map(slot, given)), outputs, tuple(attributes))
            found = closed_form(one)
            if found is not None:
                agreed.add(case.name)
                if found != executed_types(one):
                    wrong.add(case.name)
    assert not wrong
    assert len(agreed) > 200


def slot(array):
    if array is None:
        return None
    one = TensorType(array.dtype.name, array.shape)
    short = array.size <= 64 and array.dtype.kind in "fib"
    return Literal(one, tuple(array.flatten().tolist())) if short else Operand(one)
