"""ONNX models as operation lists (``operations.Network``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.graph.definition import Attribute
from archloom.io.importing.names import COUNTED, PARTS
from archloom.io.importing.onnx.inputs import (
    ELEMENTS,
    WIDENED,
    inputs_of,
    stated_types,
    weights_among_inputs,
)
from archloom.io.importing.onnx.operator_sets import own_version
from archloom.io.importing.operations import AS_STATED, Body, InputShape, Network, Operation
from archloom.io.importing.steps import is_float, literal_of

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

_ONES = {"BatchNormalization": (1, 4), "LayerNormalization": (1,), "InstanceNormalization": (1,)}
_ONES |= {"GroupNormalization": (1,)}
"""Inputs that are ones where a model comes without weights."""


def network_of(
    model: ModelProto, input_shape: InputShape | None = None, *, name: str = ""
) -> Network:
    """Return a model in operator set ``OPSET`` as operations.

    ``input_shape`` (batch included) gives the sizes that the model leaves open, by the name of the
    input where there are several. The batch may be open. Raises ``FormatError`` for sizes that are
    not known, element types that cannot be used and damaged tensors, naming them.
    """
    reader = _Reader(model)
    operations, constants = reader.body(model.graph)
    constants |= reader.missing(weights_among_inputs(model.graph, constants))
    found = inputs_of(model.graph, constants, input_shape)
    if not any(axis is not None for axis in found.axes.values()):
        reader.notes[AS_STATED] = None
    return Network(
        operations,
        found.types,
        tuple(one.name for one in model.graph.output),
        constants,
        name,
        types=stated_types(model.graph),
        batch=found.batch,
        batch_axes=found.axes,
        literal=found.literal,
        trained=_trained(model, constants),
        notes=tuple(reader.notes),
    )


def _trained(model: ModelProto, constants: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, int]]:
    """Return the parameters behind constants: tensors of the file count, numbers of Constant nodes
    do not, unless they stand where an operator takes its weights. A file of archloom says what it
    counted. Vectors are not told apart: exporters write those of equal values, such as new norms
    have, once.
    """
    slots = {
        node.input[position]
        for node in model.graph.node
        for position, part in enumerate(PARTS.get(node.op_type, ()))
        if part and position < len(node.input)
    }
    nodes = {node.output[0] for node in model.graph.node if node.op_type == "Constant"} - slots
    found: dict[str, dict[str, int]] = {name: {} for name in nodes & constants.keys()}
    uses = Counter(name for node in model.graph.node for name in node.input)
    for name, data in constants.items():
        is_vector = data.size == max(data.shape, default=1)
        if name in nodes or not is_float(data) or data.ndim < 2:
            continue
        if uses[name] == 1 or not is_vector:
            found[name] = {name: data.size}
    for entry in model.metadata_props:
        name = entry.key.removeprefix(COUNTED)
        if entry.key.startswith(COUNTED) and name in constants and entry.value.isdecimal():
            found[name] = {name: int(entry.value)} if int(entry.value) else {}
    return found


class _Reader:
    """Reads graphs; notes what had to be changed."""

    def __init__(self, model: ModelProto) -> None:
        self.notes: dict[str, None] = {}
        self._versions = {one.domain: one.version for one in model.opset_import}
        self._ones = {
            node.input[position]
            for node in model.graph.node
            for position in _ONES.get(node.op_type, ())
            if position < len(node.input)
        }

    def body(self, graph: GraphProto) -> tuple[tuple[Operation, ...], dict[str, NDArray[Any]]]:
        """Return the operations of a graph or branch and its constants."""
        if graph.sparse_initializer:
            raise FormatError(
                f"tensor {graph.sparse_initializer[0].values.name!r} is sparse: archloom reads "
                "dense tensors, export the model without sparse ones."
            )
        constants = {one.name: self._tensor(one, one.name) for one in graph.initializer}
        operations = []
        for node in graph.node:
            if node.op_type == "Constant" and not node.domain:
                constants[node.output[0]] = self._constant(node)
            else:
                operations.append(self._operation(node))
        return tuple(operations), constants

    def missing(self, inputs: Iterable[ValueInfoProto]) -> dict[str, NDArray[Any]]:
        """Return weights, drawn anew, for inputs that are weights without values."""
        from onnx import helper

        found = {}
        for one in inputs:
            tensor = one.type.tensor_type
            shape = tuple(size.dim_value for size in tensor.shape.dim)
            dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
            found[one.name] = self._random(one.name, shape, dtype)
        if found:
            names = ", ".join(list(found)[:3]) + (", ..." if len(found) > 3 else "")
            self.notes[f"{len(found)} inputs were taken for weights without values: {names}."] = (
                None
            )
        return found

    def _operation(self, node: NodeProto) -> Operation:
        domain = "" if node.domain == "ai.onnx" else node.domain
        attributes = {one.name: self._attribute(one, node) for one in node.attribute}
        if "to" in attributes and node.op_type == "Cast":
            attributes["to"] = _widened(int(attributes["to"]))  # type: ignore[arg-type]
        return Operation(
            node.op_type,
            tuple(node.input),
            tuple(node.output),
            attributes,
            domain,
            node.name,
            self._versions.get(domain, 1)
            if domain
            else own_version(node.op_type, self._versions.get("", 0)),
        )

    def _attribute(self, attribute: AttributeProto, node: NodeProto) -> Attribute | Body:
        from onnx import AttributeProto, helper

        if attribute.type == AttributeProto.GRAPH:
            operations, constants = self.body(attribute.g)
            return Body(operations, tuple(one.name for one in attribute.g.output), constants)
        if attribute.type == AttributeProto.TENSOR:
            data = self._tensor(attribute.t, f"{node.name}.{attribute.name}")
            return literal_of(data)
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, int | float):
            return value
        if isinstance(value, Iterable) and all(
            isinstance(one, int | float | bytes) for one in value
        ):
            return tuple(
                one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in value
            )
        raise FormatError(
            f"node {node.name or node.output[0]!r} ({node.op_type}) has the attribute "
            f"{attribute.name!r} of a kind that archloom cannot keep: export the model without it."
        )

    def _constant(self, node: NodeProto) -> NDArray[Any]:
        attribute = node.attribute[0] if node.attribute else None
        if attribute is not None and attribute.name == "value":
            return self._tensor(attribute.t, node.output[0])
        value = self._attribute(attribute, node) if attribute is not None else ""
        if isinstance(value, str) or (
            isinstance(value, tuple) and any(isinstance(v, str) for v in value)
        ):
            raise FormatError(
                f"constant {node.output[0]!r} holds text or nothing: archloom computes with "
                "numbers alone, export the model without it."
            )
        assert isinstance(value, int | float | tuple)
        floats = attribute is not None and "float" in attribute.name
        return np.array(value, dtype=np.float32 if floats else np.int64)

    def _tensor(self, proto: TensorProto, name: str) -> NDArray[Any]:
        """Return a tensor; random weights where it was stripped of its data."""
        from onnx import helper, numpy_helper

        shape = tuple(proto.dims)
        try:
            dtype = helper.tensor_dtype_to_np_dtype(proto.data_type)
        except KeyError:
            dtype = np.dtype(object)
        if dtype.name not in ELEMENTS:
            raise FormatError(
                f"tensor {name!r} has the element type {dtype.name}, with which archloom cannot "
                "compute: export the model with 32-bit floats."
            )
        if min(shape, default=0) < 0:
            raise FormatError(f"tensor {name!r} has the shape {list(shape)}: the model is damaged.")
        filled = any(len(getattr(proto, field)) for field in _DATA_FIELDS)
        if not filled and 0 not in shape:
            return self._random(name, shape, dtype)
        try:
            array: Any = numpy_helper.to_array(proto)
        except (ValueError, TypeError) as error:
            raise FormatError(
                f"tensor {name!r} does not hold the {list(shape)} numbers that it states ({error}):"
                " the model is damaged, get it again."
            ) from error
        if dtype.name in WIDENED:
            self.notes[_WIDE_NOTE] = None
            array = array.astype(np.float32)
        return np.array(array, copy=not array.flags.writeable)

    def _random(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        size = int(np.prod(shape, dtype=object))
        if dtype.kind != "f" and dtype.name != "bfloat16" or size > _LARGEST_RANDOM:
            raise FormatError(
                f"tensor {name!r} of shape {list(shape)} and type {dtype.name} has no data, and it "
                "is no weight that could be drawn: export the model with its constants."
            )
        self.notes[_RANDOM_NOTE] = None
        if len(shape) < 2:
            return np.full(shape, name in self._ones, dtype=np.float32)
        bound = (6 / max(size // shape[0], 1)) ** 0.5
        seed = np.random.SeedSequence(list(name.encode())).generate_state(1)
        import torch

        generator = torch.Generator().manual_seed(int(seed[0]))
        return torch.empty(shape).uniform_(-bound, bound, generator=generator).numpy()


_DATA_FIELDS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
_WIDE_NOTE = "floats of 16 and 64 bits were read as 32 bits."
_RANDOM_NOTE = "the model has no data for some weights: they were drawn (he-uniform) anew."
_LARGEST_RANDOM = 1 << 31


def _widened(element: int) -> int:
    """Return the ONNX element type that is computed with instead of ``element``."""
    from onnx import TensorProto

    floats = (TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
    return int(TensorProto.FLOAT) if element in floats else element
