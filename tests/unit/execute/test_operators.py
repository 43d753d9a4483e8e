"""ONNX operators in PyTorch, against the cases of the standard."""

from pathlib import Path

import numpy as np
import pytest
import torch

from archloom.execute.operators import function_of
from archloom.execute.operators.table import OPERATORS
from archloom.execute.types import output_types
from archloom.graph.definition import Definition, Literal, Operand, TensorType
from archloom.io.importing.onnx.operator_sets import is_unchanged
from archloom.io.importing.onnx.reader import _Reader

DOCS = Path(__file__).parents[3] / "docs"
MAP = TensorType("float32", (1, 4, 6, 6))
DIFFERENT = {
    "test_resize_downsample_scales_linear_align_corners",  # a fractional size, as no runtime has it
    "test_resize_downsample_scales_cubic_align_corners",
    "test_batchnorm_epsilon_training_mode",  # refused
    "test_batchnorm_example_training_mode",
    "test_reduce_max_empty_set",  # reductions of nothing
    "test_reduce_max_empty_set_bool",
    "test_reduce_min_empty_set",
}


def numeric(array) -> bool:
    return array is None or (
        isinstance(array, np.ndarray)
        and hasattr(torch, array.dtype.name)
        and array.dtype.name not in ("bfloat16", "uint16", "uint32", "uint64")
    )


def slot(array):
    if array is None:
        return None
    one = TensorType(array.dtype.name, array.shape)
    short = array.size <= 64
    return Literal(one, tuple(array.flatten().tolist())) if short else Operand(one)


@pytest.mark.slow
def test_the_cases_of_the_standard_agree():
    from onnx.backend.test.case.node import collect_testcases

    agreed, wrong = 0, set()
    for case in collect_testcases(None):
        node = case.model.graph.node[0]
        version = case.model.opset_import[0].version
        if len(case.model.graph.node) > 1 or ("", node.op_type) not in OPERATORS or node.domain:
            continue
        if not is_unchanged(node, version, 21):
            continue
        for inputs, outputs in case.data_sets:
            waiting = iter(inputs)
            given = [next(waiting) if name else None for name in node.input]
            if not all(map(numeric, [*given, *outputs])):
                continue
            attributes = sorted(_Reader(case.model)._operation(node).attributes.items())
            types = (TensorType("float32", ()),) * len(node.output)
            definition = Definition(node.op_type, tuple(map(slot, given)), types, tuple(attributes))
            try:
                run = function_of(definition, case.name)
                found = run(
                    [None if one is None else torch.from_numpy(one.copy()) for one in given]
                )
                found = found if isinstance(found, tuple) else (found,)
                named = [one for name, one in zip(node.output, found, strict=True) if name]
                for one, wanted in zip(named, outputs, strict=True):
                    assert one.numpy().dtype == wanted.dtype
                    np.testing.assert_allclose(one.numpy(), wanted, rtol=1e-3, atol=1e-5)
                agreed += 1
            except Exception:
                wrong.add(case.name)
    assert wrong == DIFFERENT
    assert agreed > 700


def definition(op, *slots, outputs=1, **attributes):
    types = (MAP,) * outputs
    return Definition(op, slots, types, tuple(sorted(attributes.items())))


@pytest.mark.parametrize(
    ("one", "shape"),
    [
        (
            definition(
                "Resize",
                Operand(MAP),
                None,
                None,
                Literal(TensorType("int64", (2,)), (9, 3)),
                axes=(2, 3),
                mode="cubic",
            ),
            (1, 4, 9, 3),
        ),
        (
            definition("AveragePool", Operand(MAP), kernel_shape=(3, 3), dilations=(2, 2)),
            (1, 4, 2, 2),
        ),
        (
            definition(
                "ConvTranspose",
                Operand(MAP),
                Operand(TensorType("float32", (4, 2, 3, 3))),
                strides=(2, 2),
                pads=(1, 1, 1, 1),
                output_padding=(1, 1),
            ),
            (1, 2, 12, 12),
        ),
        (definition("LpPool", Operand(MAP), kernel_shape=(2, 2), strides=(2, 2)), (1, 4, 3, 3)),
    ],
)
def test_types_are_inferred_without_data(one, shape):
    assert output_types(one) == (TensorType("float32", shape),)
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.rand(s.type.shape, generator=generator) if isinstance(s, Operand) else None
        for s in one.inputs
    ]
    assert tuple(function_of(one, "node")(inputs).shape) == shape


def test_sizes_that_depend_on_data_are_unknown():
    assert output_types(definition("NonZero", Operand(MAP))) is None
    assert output_types(Definition("Warp", (Operand(MAP),), (MAP,), domain="acme")) is None


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize_is_differentiable_and_agrees_with_interpolation(mode):
    size = Literal(TensorType("int64", (2,)), (11, 4))
    one = definition(
        "Resize",
        Operand(MAP),
        None,
        None,
        size,
        axes=(2, 3),
        mode=mode,
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric" if mode == "nearest" else "half_pixel",
    )
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    found = function_of(one, "node")([x, None, None, None])
    name = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}[mode]
    torch.testing.assert_close(
        found, torch.nn.functional.interpolate(x, (11, 4), mode=name), atol=1e-5, rtol=1e-5
    )
    found.sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_the_page_lists_every_operator():
    page = (DOCS / "import.md").read_text(encoding="utf-8")
    names = [name for domain, name in OPERATORS if not domain]
    assert [name for name in names if f"`{name}`" not in page] == []
