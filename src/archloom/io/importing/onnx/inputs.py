"""Inputs of ONNX models: their sizes, which of them is the batch, and which are weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from archloom.errors import FormatError
from archloom.graph.definition import TensorType
from archloom.io.importing.inputs import batch_axes, batch_axis_of, given_shapes
from archloom.io.importing.operations import InputShape

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, ValueInfoProto

WIDENED = {"float16", "float64", "bfloat16"}
"""Element types that are read as float32."""

ELEMENTS = WIDENED | {"float32", "bool", "complex64", "complex128"}
ELEMENTS |= {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
"""Element types that can be computed with."""


@dataclass(frozen=True)
class Inputs:
    """Inputs as ``operations.Network`` holds them."""

    types: dict[str, TensorType]
    batch: int
    axes: dict[str, int | None]
    literal: dict[str, TensorType] | None


def inputs_of(
    graph: GraphProto, constants: Collection[str], input_shape: InputShape | None
) -> Inputs:
    """Return the inputs of a graph that are not among its ``constants``.

    The batch is the first axis where that is open, else the only one that is; sizes that are given
    for an open axis hold, that of the batch aside. Where all sizes are fixed, the first is the
    batch: it is 1, or the same for all inputs, which is not sure then. An input of fixed sizes
    beside one of an open batch has none. Raises ``FormatError`` for sizes that are not known.
    """
    protos = [one for one in graph.input if one.name not in constants]
    if not protos:
        raise FormatError("the model has no input: archloom works with networks that read one.")
    given = given_shapes(input_shape, [one.name for one in protos], "model")
    sizes = {one.name: _sizes(one, given.get(one.name)) for one in protos}
    dtypes = {one.name: _dtype(one) for one in protos}
    stated = {one.name: _stated(one) or [0] * len(sizes[one.name]) for one in protos}
    axes, batch = batch_axes(stated, sizes)
    types, literal = {}, {}
    for name, shape in sizes.items():
        axis, first = axes[name], list(shape)
        if axis is not None:
            first[axis] = 1
        types[name] = TensorType(dtypes[name], tuple(first))
        literal[name] = TensorType(dtypes[name], tuple(shape))
    sure = all(literal[name] == types[name] for name in types)
    return Inputs(types, batch, axes, None if sure else literal)


def _sizes(proto: ValueInfoProto, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the shape of an input; an open batch that is not given is 1."""
    name, dims = proto.name, _stated(proto)
    if not proto.type.HasField("tensor_type"):
        raise FormatError(f"input {name!r} is no tensor: archloom reads networks on tensors.")
    if given is not None:
        axis = 0 if dims is None else batch_axis_of(dims)
        fits = dims is None or (
            len(dims) == len(given)
            and all(
                stated in (0, size) or (position == axis == 0)
                for position, (stated, size) in enumerate(zip(dims, given, strict=True))
            )
        )
        if not fits or min(given, default=1) < 1:
            raise FormatError(
                f"input {name!r} has the shape {_shown(proto)}, {list(given)} does not fit: give "
                "all sizes with the batch, and those that are fixed as they are."
            )
        return tuple(
            stated or size for stated, size in zip(dims or [0] * len(given), given, strict=True)
        )
    if dims is None or sum(size < 1 for size in dims) > 1 or min(dims, default=0) < 0:
        raise FormatError(
            f"input {name!r} has the shape {_shown(proto)}: sizes other than the batch have to be "
            "known, give them with input_shape (on the command line --input-shape), such as "
            "1,3,224,224."
        )
    if any(size > np.iinfo(np.int32).max for size in dims):
        raise FormatError(f"input {name!r} has the shape {_shown(proto)}: the model is damaged.")
    return tuple(size or 1 for size in dims)


def _stated(proto: ValueInfoProto) -> list[int] | None:
    """Return the sizes that a model states, 0 where they are open, None for an unknown rank."""
    tensor = proto.type.tensor_type
    return [d.dim_value for d in tensor.shape.dim] if tensor.HasField("shape") else None


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
    if name in WIDENED:
        return "float32"
    if name not in ELEMENTS:
        raise FormatError(
            f"{proto.name!r} has the element type {name}, with which archloom cannot compute: "
            "export the model with tensors of numbers."
        )
    return str(name)


def stated_types(graph: GraphProto) -> dict[str, TensorType]:
    """Return the types that the model states for values, an open batch as 1, where they are
    complete.
    """
    found = {}
    for one in (*graph.value_info, *graph.output):
        dims = _stated(one)
        sizes = None if dims is None else [dims[0] or 1, *dims[1:]] if dims else []
        if sizes is not None and min(sizes, default=1) > 0:
            found[one.name] = TensorType(_dtype(one), tuple(sizes))
    return found


# --- weights without values ----------------------------------------------------------------------

_SLOTS = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "DeformConv": (1, 3),
    "Gemm": (2,),
    "BatchNormalization": (1, 2, 3, 4),
    "InstanceNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "RMSNormalization": (1,),
    "PRelu": (1,),
    "LSTM": (1, 2, 3, 7),
    "GRU": (1, 2, 3),
    "RNN": (1, 2, 3),
}
"""Inputs of operators that are weights."""

_FACTORS = {"Gemm": (1,), "MatMul": (1,)}
"""Inputs that are weights where the file has others, or several of these: a network may multiply
two inputs.
"""

_PASSING = {"Transpose", "Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape"}
_JOINING = {"Add", "Sub", "Mul", "Div", "Concat", "Expand", "Pow", "Gather", "Where", "Slice"}


def weights_among_inputs(graph: GraphProto, constants: Collection[str]) -> list[ValueInfoProto]:
    """Return the inputs that are weights without values, as files have that were written without
    their parameters.

    They have fixed sizes and stand where an operator takes its weights. Once there are such, others
    behind them that are floats of fixed sizes are weights too, and in front of them those that are
    only added, multiplied or joined, such as position embeddings; the first input never is.
    """
    inputs = [one for one in graph.input if one.name not in constants]
    candidates = {one.name for one in inputs[1:] if _is_weight_shaped(one)}
    known = {*constants, *(node.output[0] for node in graph.node if node.op_type == "Constant")}
    placed = set(_in_slots(graph.node, candidates, known, _SLOTS))
    factors = set(_in_slots(graph.node, candidates, known, _FACTORS))
    if not placed and len(factors) < 2:
        return []
    placed |= factors
    readers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    first = next(position for position, one in enumerate(inputs) if one.name in placed)
    return [
        one
        for position, one in enumerate(inputs)
        if one.name in placed
        or (
            one.name in candidates
            and (position > first or readers.get(one.name, set()) <= _JOINING | _PASSING)
        )
    ]


def _is_weight_shaped(one: ValueInfoProto) -> bool:
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
    dims = _stated(one)
    return one.type.tensor_type.elem_type in floats and dims is not None and 0 not in dims


def _in_slots(
    nodes: Sequence[NodeProto],
    candidates: Collection[str],
    known: Collection[str],
    slots: Mapping[str, tuple[int, ...]],
) -> Iterator[str]:
    """Yield the candidates that stand, turned or cast perhaps, in the ``slots`` of operators, and
    tables of which rows are taken that are not ``known``.
    """
    source = {
        name: node.input[0]
        for node in nodes
        if node.op_type in _PASSING and node.input
        for name in node.output
    }
    for node in nodes:
        looks_up = node.op_type == "Gather" and node.input[1] not in known
        for position in (0,) if looks_up else slots.get(node.op_type, ()):
            name = node.input[position] if position < len(node.input) else ""
            for _ in range(len(nodes)):
                if name not in source:
                    break
                name = source[name]
            if name in candidates:
                yield name
