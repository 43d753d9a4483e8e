"""What exporters take apart is put together, and computes the same."""

import math

import numpy as np
import onnx
import pytest
import torch

import archloom as al
from archloom.io import read_model
from import_suite import run_onnx
from import_suite.handmade import Builder, floats


def number(b, value):
    return b.constant(np.array(value, np.float32))


def gelu(order):
    def build(b, x):
        gate = b("Add", b("Erf", b("Div", x, number(b, math.sqrt(2)))), number(b, 1))
        half = number(b, 0.5)
        if order == "half first":
            return b("Mul", b("Mul", x, half), gate)
        if order == "half last":
            return b("Mul", b("Mul", x, gate), half)
        return b("Mul", b("Mul", half, gate), x)

    return build


def hard_swish(b, x):
    six = b("Clip", b("Add", x, number(b, 3)), number(b, 0), number(b, 6))
    return b("Div", b("Mul", x, six), number(b, 6))


def hard_gate(b, x):
    six = b("Clip", b("Add", number(b, 3), x), number(b, 0), number(b, 6))
    return b("Mul", b("Mul", six, number(b, 1 / 6)), x)


def bias(b, x):
    x = b("Conv", x, b.constant(floats(4, 4, 1, 1)))
    x = b("Add", b.constant(floats(4, 1, 1)), x)
    return b("Add", x, b.constant(floats(1, 4, 1, 1, seed=1)))


def group_norm(b, x):
    y = b("Reshape", x, b.constant([0, 2, -1]))
    ones, zeros = b.constant(np.ones(2, np.float32)), b.constant(np.zeros(2, np.float32))
    y = b("Reshape", b("InstanceNormalization", y, ones, zeros), b("Shape", x))
    y = b("Mul", y, b.constant(floats(4, 1, 1)))
    return b("Add", y, b.constant(floats(4, 1, 1, seed=1)))


def layer_norm(b, x):
    centred = b("Sub", x, b("ReduceMean", x, b.constant([-1])))
    square = b("ReduceMean", b("Pow", centred, number(b, 2)), b.constant([-1]))
    y = b("Div", centred, b("Sqrt", b("Add", square, number(b, 1e-5))))
    return b("Add", b("Mul", y, b.constant(floats(6))), b.constant(floats(6, seed=1)))


def nothing(b, x):
    x = b("Transpose", b("Transpose", x, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2])
    x = b("Add", b("Mul", b("Div", x, number(b, 1)), number(b, 1)), number(b, 0))
    x = b("Reshape", b("Reshape", x, b.constant([0, 4, 36])), b.constant([0, 4, 6, 6]))
    return b("Slice", b("Identity", b("Dropout", x)), b.constant([0]), b.constant([99]))


def softmax(b, x):
    y = b("Softmax", b("Reshape", x, b.constant([-1, 6])), axis=-1)
    return b("Reshape", y, b("Shape", x))


@pytest.mark.parametrize(
    ("build", "ops"),
    [
        (gelu("half first"), "gelu"),
        (gelu("half last"), "gelu"),
        (gelu("half with gate"), "gelu"),
        (hard_swish, "hardswish"),
        (hard_gate, "hardswish"),
        (lambda b, x: b("Mul", b("Sigmoid", x), x), "swish"),
        (lambda b, x: b("Mul", x, number(b, 0)), "zero"),
        (lambda b, x: b("Clip", x, number(b, 0)), "relu"),
        (bias, "conv"),
        (group_norm, "groupnorm"),
        (layer_norm, "layernorm"),
        (nothing, ""),
        (softmax, "softmax"),
    ],
)
def test_put_together(build, ops, tmp_path):
    b = Builder("n", 4, 6, 6)
    model = b.model(build(b, b("Relu", "x")), opset=18)
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    found = read_model(path)
    names = [found.graph.op_name(node) for node in range(found.graph.n_nodes)]
    assert names == ["input", "relu", *ops.split(), "output"]
    x = torch.randn(3, 4, 6, 6)
    with torch.no_grad():
        result = al.to_torch(found.graph, found.weights).eval()(x)
    np.testing.assert_allclose(run_onnx(path.read_bytes(), (x,))[0], result, atol=2e-5)


def test_what_another_node_reads_stays(tmp_path):
    b = Builder("n", 4, 6, 6)
    x = b("Relu", "x")
    gate = b("Sigmoid", x)
    path = tmp_path / "net.onnx"
    onnx.save(b.model(b("Mul", x, gate), gate), path)
    graph = read_model(path).graph
    names = [graph.op_name(node) for node in range(graph.n_nodes)]
    assert names == ["input", "relu", "sigmoid", "mul", "output", "output"]
