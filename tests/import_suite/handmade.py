"""ONNX models made node by node: forms that PyTorch's exporter does not write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from import_suite import Inputs

_FLOAT = TensorProto.FLOAT


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    """Return normally distributed numbers of half the usual spread."""
    return (np.random.default_rng(seed).normal(size=shape) * 0.5).astype(np.float32)


class Builder:
    """Collects nodes and constants of one model."""

    def __init__(self, *shape: int | str, dtype: int = _FLOAT) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs = [helper.make_tensor_value_info("x", dtype, shape)]

    def constant(self, value: Any, dtype: type = np.int64) -> str:
        """Add a constant and return its name."""
        array = value if isinstance(value, np.ndarray) else np.array(value, dtype=dtype)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def __call__(self, op: str, *inputs: str, n: int = 1, **attributes: Any) -> Any:
        """Add a node and return the name of its output, or the names of ``n``."""
        outputs = [f"v{len(self.nodes)}_{i}" for i in range(n)]
        self.nodes.append(
            helper.make_node(op, inputs, outputs, f"node{len(self.nodes)}", **attributes)
        )
        return outputs[0] if n == 1 else outputs

    def model(self, *outputs: str, opset: int = 17, ir: int = 8) -> onnx.ModelProto:
        """Return the model; ``outputs`` are of unknown shape."""
        ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
        for end in ends:
            end.type.tensor_type.elem_type = _FLOAT
        graph = helper.make_graph(self.nodes, "handmade", self.inputs, ends, self.constants)
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir
        )


@dataclass(frozen=True)
class Model:
    """An ONNX model; ``inputs`` are a batch for it."""

    kind: str
    build: Callable[[], onnx.ModelProto]
    inputs: Callable[[], Inputs] = lambda: (torch.from_numpy(floats(2, 3, 17, 16, seed=9)),)

    def write(self, path: Path) -> Inputs:
        """Write the ONNX file and return inputs for it."""
        onnx.save(self.build(), path)
        return self.inputs()


def padding() -> onnx.ModelProto:
    """Return all ways to pad a window."""
    b = Builder("n", 3, 17, 16)
    x = b("Conv", "x", b.constant(floats(4, 3, 3, 3)), auto_pad="SAME_UPPER", strides=[2, 2])
    x = b("Conv", x, b.constant(floats(4, 4, 3, 2)), auto_pad="SAME_LOWER", strides=[2, 2])
    x = b("MaxPool", x, kernel_shape=[2, 2], auto_pad="SAME_UPPER")
    x = b("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 0, 0], count_include_pad=1)
    x = b("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = b("Pad", x, b.constant([0, 0, 2, 1, 0, 0, -1, 3]))
    return b.model(b("Relu", x))


def scalars() -> onnx.ModelProto:
    """Return dense layers of every form."""
    b = Builder("n", 8)
    one = b.constant(floats(8, 6))
    x = b("Gemm", "x", one, b.constant(floats(6)), alpha=0.5, beta=2.0)
    x = b("MatMul", x, b.constant(floats(6, 5)))
    x = b("Add", b.constant(floats(1, 5)), x)
    x = b("Gemm", x, b.constant(floats(5, 4)))
    x = b("Div", b("Sub", x, b.constant(0.5, np.float32)), b.constant(floats(4) + 3))
    return b.model(b("Softmax", x, axis=1))


def old() -> onnx.ModelProto:
    """Return a model of the opset 8 era: weights among the inputs, attributes for axes."""
    b = Builder("n", 3, 17, 16)
    names = [
        b.constant(part) for part in (floats(4, 3, 3, 3), floats(4), floats(4), floats(4) ** 2)
    ]
    x = b("Conv", "x", names[0], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = b("BatchNormalization", x, names[1], names[2], names[2], names[3], epsilon=1e-3)
    scales = b.constant([1, 1, 2, 2], np.float32)
    x = b("Upsample", b("Relu", x), scales, mode="nearest")
    x = b("Slice", x, axes=[2, 3], starts=[1, 0], ends=[-1, 20])
    x = b("Pad", x, pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="constant", value=0.0)
    x = b("ReduceMean", x, axes=[2, 3], keepdims=0)
    x = b("Clip", b("Unsqueeze", x, axes=[2]), min=-1.0, max=1.0)
    b.inputs += [
        helper.make_tensor_value_info(one.name, one.data_type, one.dims)
        for one in b.constants
        if one.name != scales
    ]
    return b.model(x, opset=9, ir=3)


def branches() -> onnx.ModelProto:
    """Return an ``If`` whose condition follows from shapes."""
    b = Builder("n", 3, 17, 16)
    size = b("Gather", b("Shape", "x"), b.constant(1))

    def branch(op: str) -> Any:
        node = helper.make_node(op, ["x"], [f"{op} result"])
        end = helper.make_tensor_value_info(f"{op} result", _FLOAT, None)
        return helper.make_graph([node], op, [], [end])

    x = b(
        "If", b("Equal", size, b.constant(3)), then_branch=branch("Relu"), else_branch=branch("Neg")
    )
    return b.model(x)


def several() -> onnx.ModelProto:
    """Return operators with several outputs, of which some are read."""
    b = Builder("n", 6, 8)
    best, places = b("TopK", "x", b.constant([3]), n=2, axis=2)
    left, _, right = b("Split", "x", b.constant([2, 1, 3]), n=3, axis=1)
    total = b("Add", b("ReduceSum", left, b.constant([1])), b("ReduceMax", right, axes=[1]))
    return b.model(b("Mul", best, b("Cast", places, to=_FLOAT)), total)


def mixed() -> onnx.ModelProto:
    """Return operators that are rare: scatter, gather, cumulated sums, conditions, one-hot."""
    b = Builder("n", 6)
    rows = b("Expand", "x", b.constant([1, 6]))
    x = b("CumSum", rows, b.constant(1))
    x = b("Where", b("Greater", x, b.constant(0.0, np.float32)), x, b("Exp", x))
    x = b(
        "Concat",
        x,
        b("Slice", x, b.constant([5]), b.constant([-7]), b.constant([1]), b.constant([-2])),
        axis=1,
    )
    x = b("Tile", x, b.constant([1, 2]))
    hot = b(
        "OneHot", b("ArgMax", x, axis=1, keepdims=0), b.constant(18), b.constant([0, 1], np.float32)
    )
    return b.model(b("Add", x, hot))


def half() -> onnx.ModelProto:
    """Return a model in 16-bit floats between two casts."""
    b = Builder("n", 3, 17, 16)
    x = b("Cast", "x", to=TensorProto.FLOAT16)
    weight = floats(4, 3, 3, 3).astype(np.float16)
    x = b("Relu", b("Conv", x, b.constant(weight), pads=[1, 1, 1, 1]))
    return b.model(b("Cast", b("GlobalAveragePool", x), to=_FLOAT))


def quantised() -> onnx.ModelProto:
    """Return weights that are stored in eight bits."""
    b = Builder("n", 3, 17, 16)
    stored = b.constant(np.random.default_rng(0).integers(-127, 127, (4, 3, 3, 3)).astype(np.int8))
    scale, zero = b.constant(np.abs(floats(4)) / 99), b.constant(np.zeros(4, np.int8))
    weight = b("DequantizeLinear", stored, scale, zero, axis=0)
    return b.model(b("Relu", b("Conv", "x", weight)))


def fallback() -> onnx.ModelProto:
    """Return standard operators that only ONNX's reference runs."""
    b = Builder("n", 3, 17, 16)
    x = b("LpPool", "x", kernel_shape=[2, 2], strides=[2, 2], p=2)
    return b.model(
        b("Relu", b("Det", b("Slice", x, b.constant([0]), b.constant([8]), b.constant([2]))))
    )


CASES = {
    "padding": Model("auto_pad, ceil, negative pads", padding),
    "scalars": Model("dense layers", scalars, lambda: (torch.from_numpy(floats(2, 8)),)),
    "opset9": Model("attributes for axes, weights among inputs", old),
    "branches": Model("If with a constant condition", branches),
    "several_outputs": Model(
        "operators with several outputs", several, lambda: (torch.from_numpy(floats(2, 6, 8)),)
    ),
    "rare_operators": Model(
        "indices and conditions", mixed, lambda: (torch.from_numpy(floats(2, 6)),)
    ),
    "half": Model("16-bit floats", half),
    "quantised_weights": Model("8-bit weights", quantised),
    "fallback": Model("operators of the reference", fallback),
}
