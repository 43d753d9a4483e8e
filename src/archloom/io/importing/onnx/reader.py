"""ONNX models as operation lists (``operations.Network``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.graph.definition import Attribute, TensorType
from archloom.io.importing.operations import Body, InputShape, Network, Operation
from archloom.io.importing.values import literal_of

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

_WIDENED = {"float16", "float64", "bfloat16"}
_ELEMENTS = _WIDENED | {"float32", "bool", "complex64", "complex128"}
_ELEMENTS |= {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
"""Element types that can be computed with."""
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
    inputs, batch = _inputs(model.graph, set(constants), input_shape)
    return Network(
        operations,
        inputs,
        tuple(one.name for one in model.graph.output),
        constants,
        name,
        _stated(model.graph, batch),
        batch,
        tuple(reader.notes),
    )


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
            self._versions.get(domain, 1) if domain else 0,
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
        if dtype.name not in _ELEMENTS:
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
        if dtype.name in _WIDENED:
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


# --- inputs --------------------------------------------------------------------------------------


def _inputs(
    graph: GraphProto, constants: set[str], given: InputShape | None
) -> tuple[dict[str, TensorType], int]:
    """Return the inputs with batch 1, and the batch size that the model was written for."""
    protos = [one for one in graph.input if one.name not in constants]
    if not protos:
        raise FormatError("the model has no input: archloom works with networks that read one.")
    if isinstance(given, tuple):
        if len(protos) > 1:
            names = ", ".join(repr(one.name) for one in protos)
            raise FormatError(f"the model has several inputs ({names}): give their shapes by name.")
        given = {protos[0].name: given}
    given = dict(given or {})
    unknown = sorted(set(given) - {one.name for one in protos})
    if unknown:
        names = ", ".join(one.name for one in protos)
        raise FormatError(f"{unknown[0]!r} is no input of the model: its inputs are {names}.")
    shapes = {one.name: _input_shape(one, given.get(one.name)) for one in protos}
    firsts = {shape[0] for shape in shapes.values() if shape}
    batch = firsts.pop() if len(firsts) == 1 and all(len(s) > 1 for s in shapes.values()) else 1
    types = {}
    for one in protos:
        shape = shapes[one.name]
        shape = (1, *shape[1:]) if batch > 1 else shape
        types[one.name] = TensorType(_dtype(one), shape)
    return types, batch


def _input_shape(proto: ValueInfoProto, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the shape of an input, an open batch as 1."""
    name, tensor = proto.name, proto.type.tensor_type
    if not proto.type.HasField("tensor_type"):
        raise FormatError(f"input {name!r} is no tensor: archloom reads networks on tensors.")
    dims = [one.dim_value for one in tensor.shape.dim] if tensor.HasField("shape") else None
    if given is not None:
        fits = dims is None or (
            len(dims) == len(given)
            and all(a in (0, b) for a, b in list(zip(dims, given, strict=True))[1:])
        )
        if not fits or min(given, default=0) < 1:
            raise FormatError(
                f"input {name!r} has the shape {_shown(proto)}, {list(given)} does not fit: give "
                "all sizes with the batch, and those that are fixed as they are."
            )
        return (1 if not dims or dims[0] == 0 else dims[0], *given[1:])
    if dims is None or any(size < 1 for size in dims[1:]):
        raise FormatError(
            f"input {name!r} has the shape {_shown(proto)}: sizes other than the batch have to be "
            "known, give them with input_shape (on the command line --input-shape), such as "
            "1,3,224,224."
        )
    if any(size > np.iinfo(np.int32).max for size in dims):
        raise FormatError(f"input {name!r} has the shape {_shown(proto)}: the model is damaged.")
    return tuple(size if position or size > 0 else 1 for position, size in enumerate(dims))


def _shown(proto: ValueInfoProto) -> str:
    tensor = proto.type.tensor_type
    if not tensor.HasField("shape"):
        return "unknown"
    return "[" + ", ".join(str(d.dim_param or d.dim_value or "?") for d in tensor.shape.dim) + "]"


def _dtype(proto: ValueInfoProto) -> str:
    from onnx import helper

    try:
        name = helper.tensor_dtype_to_np_dtype(proto.type.tensor_type.elem_type).name
    except KeyError:
        name = "unknown"
    if name in _WIDENED:
        return "float32"
    if name not in _ELEMENTS:
        raise FormatError(
            f"{proto.name!r} has the element type {name}, with which archloom cannot compute: "
            "export the model with tensors of numbers."
        )
    return str(name)


def _stated(graph: GraphProto, batch: int) -> dict[str, TensorType]:
    """Return the types that the model states, batch 1, where they are complete."""
    found = {}
    for one in (*graph.value_info, *graph.output):
        tensor = one.type.tensor_type
        sizes = [int(d.dim_value) for d in tensor.shape.dim] if tensor.HasField("shape") else [0]
        if sizes and sizes[0] in (0, batch):
            sizes[0] = 1
        if tensor.HasField("shape") and min(sizes, default=1) > 0:
            found[one.name] = TensorType(_dtype(one), tuple(sizes))
    return found
