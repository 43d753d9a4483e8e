"""Standard operators without a PyTorch function: ONNX's reference evaluator runs them (slow, on
the CPU, without gradients), its inference gives their types.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from archloom.errors import GraphError
from archloom.execute.operators.table import Result
from archloom.graph.definition import Attribute, Definition, Literal, TensorType


def is_standard(definition: Definition) -> bool:
    """Return whether ONNX knows the operator."""
    import onnx

    return definition.domain == "" and onnx.defs.has(definition.op_type, definition.version)


def default_of(definition: Definition, name: str) -> Any:
    """Return the default of an attribute of a standard operator, None where it has none."""
    import onnx
    from onnx import helper

    try:
        schema = onnx.defs.get_schema(definition.op_type, definition.version)
    except onnx.defs.SchemaError:
        return None
    found = schema.attributes.get(name)
    if found is None or not found.default_value.type:
        return None
    value = helper.get_attribute_value(found.default_value)
    return value.decode() if isinstance(value, bytes) else value


def evaluate(definition: Definition, *inputs: Tensor | None) -> Result:
    """Return what the reference evaluator computes; raises ``GraphError`` when it cannot.

    inputs : one tensor per slot, (N, ...) where the definition has (1, ...); None: left out
    """
    from onnx.reference import ReferenceEvaluator

    arrays = {
        name: value.detach().cpu().numpy()
        for name, value in zip(_names(definition), inputs, strict=True)
        if value is not None
    }
    model = _model(definition, {name: str(array.dtype) for name, array in arrays.items()})
    try:
        found: list[Any] = ReferenceEvaluator(model).run(None, arrays)
    except Exception as error:  # whatever one of 200 evaluators may raise
        raise GraphError(
            f"the operator {definition.op_type!r} cannot be executed ({error}): archloom has no "
            "function of its own for it, and ONNX's reference failed."
        ) from error
    device = next((value.device for value in inputs if value is not None), torch.device("cpu"))
    results = tuple(torch.from_numpy(np.asarray(one).copy()).to(device) for one in found)
    return results if len(definition.outputs) > 1 else results[0]


def inferred(definition: Definition) -> tuple[TensorType, ...] | None:
    """Return the types of the outputs as ONNX infers them, None where it cannot tell."""
    import onnx
    from onnx import helper, numpy_helper
    from onnx.shape_inference import infer_node_outputs

    node = _node(definition)
    types, data = {}, {}
    for name, slot in zip(_names(definition), definition.inputs, strict=True):
        if slot is None:
            continue
        element = helper.np_dtype_to_tensor_dtype(np.dtype(slot.type.dtype))
        types[name] = helper.make_tensor_type_proto(element, slot.type.shape)
        if isinstance(slot, Literal):
            data[name] = numpy_helper.from_array(slot.array(), name)
    schema = onnx.defs.get_schema(definition.op_type, definition.version)
    opsets = [helper.make_opsetid("", definition.version)]
    try:
        found = infer_node_outputs(schema, node, types, data, opset_imports=opsets, ir_version=10)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError):
        return None
    results = []
    for name in node.output:
        if name not in found or not found[name].tensor_type.HasField("shape"):
            return None
        proto = found[name].tensor_type
        if any(not one.HasField("dim_value") for one in proto.shape.dim):
            return None
        dtype = helper.tensor_dtype_to_np_dtype(proto.elem_type).name
        results.append(TensorType(dtype, tuple(one.dim_value for one in proto.shape.dim)))
    return tuple(results)


def _names(definition: Definition) -> list[str]:
    return [f"i{i}" for i in range(len(definition.inputs))]


def _node(definition: Definition) -> Any:
    from onnx import helper

    names = [
        "" if slot is None else name
        for name, slot in zip(_names(definition), definition.inputs, strict=True)
    ]
    outputs = [f"o{i}" for i in range(len(definition.outputs))]
    attributes = {key: attribute_value(value) for key, value in definition.attributes}
    return helper.make_node(definition.op_type, names, outputs, **attributes)


def _model(definition: Definition, dtypes: dict[str, str]) -> Any:
    from onnx import helper

    node = _node(definition)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)
        for name, dtype in dtypes.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    graph = helper.make_graph([node], definition.op_type, inputs, outputs)
    opsets = [helper.make_opsetid("", definition.version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def attribute_value(value: Attribute) -> Any:
    """Return an attribute as the ONNX helpers take it."""
    if not isinstance(value, Literal):
        return list(value) if isinstance(value, tuple) else value
    from onnx import numpy_helper

    return numpy_helper.from_array(value.array())
