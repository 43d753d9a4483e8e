"""TensorFlow's GraphDef without TensorFlow: its protobuf messages and what they hold.

Only the fields that a frozen graph needs are described; protobuf skips all others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from archloom.errors import FormatError

_MESSAGES = """
Dim: int64 size 1
Shape: *Dim dim 2, bool unknown_rank 3
Tensor: int32 dtype 1, Shape tensor_shape 2, bytes tensor_content 4, *float float_val 5,
    *double double_val 6, *int32 int_val 7, *bytes string_val 8, *int64 int64_val 10,
    *bool bool_val 11, *int32 half_val 13, *uint32 uint32_val 16, *uint64 uint64_val 17
List: *bytes s 2, *int64 i 3, *float f 4, *bool b 5, *int32 type 6, *Shape shape 7
Value: List list 1, bytes s 2, int64 i 3, float f 4, bool b 5, int32 type 6, Shape shape 7,
    Tensor tensor 8
Attribute: string key 1, Value value 2
Node: string name 1, string op 2, *string input 3, *Attribute attr 5
Function: bytes signature 1
Library: *Function function 1
Graph: *Node node 1, Library library 2
"""
"""Messages as ``name: type field number, ...``; a star: repeated. Enumerations are int32, a map is
a repeated entry of key and value. Names are ours, numbers TensorFlow's.
"""

_TYPES: dict[int, str] = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""TensorFlow's numbers of element types."""

_WIDENED = {"float16": "float32", "bfloat16": "float32", "float64": "float32"}
_VALUES = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
}
_LARGEST_FILLED = 1 << 26  # elements of a constant of which the file lists a few


@dataclass(frozen=True)
class Node:
    """One node of a GraphDef.

    inputs       names of the tensors it reads, ``node`` or ``node:1``, without control inputs
    attributes   numbers, texts, lists of them, ``Tensor`` constants; shapes as tuples with -1 for
                 unknown sizes, None for an unknown rank
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def where(self) -> str:
        """How messages speak of the node."""
        return f"node {self.name!r} ({self.op})"

    def refuse(self, why: str) -> FormatError:
        """Return the error that says why the node cannot be imported."""
        return FormatError(f"{self.where}: {why}")


def read_nodes(content: bytes) -> list[Node]:
    """Return the nodes of the GraphDef in ``content``; raises ``FormatError`` for anything else."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if content.startswith(b"\x08\x01\x12"):
        raise FormatError(
            "this is a SavedModel, which keeps its variables in other files: freeze it first "
            "(convert_variables_to_constants_v2), or convert it to ONNX with tf2onnx."
        )
    graph = message_class("Graph")()
    try:
        graph.ParseFromString(content)
    except (DecodeError, ValueError) as error:
        raise FormatError(
            f"this is no complete TensorFlow graph ({error}): it is truncated, damaged or of "
            "another kind, get it again."
        ) from error
    if not graph.node or not all(one.name and one.op for one in graph.node):
        raise FormatError(
            "this holds no TensorFlow graph: it is empty or of another kind, get it again."
        )
    return [_node(one) for one in graph.node]


@cache
def message_class(name: str) -> Any:
    """Return the protobuf class of one of the messages above."""
    from google.protobuf import (  # type: ignore[import-untyped]
        descriptor_pool,
        message_factory,
    )

    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"archloom_tf.{name}"))


def _file() -> Any:
    """Return the messages above as a protobuf file."""
    from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
        FieldDescriptorProto,
        FileDescriptorProto,
    )

    file = FileDescriptorProto(name="archloom_tf.proto", package="archloom_tf", syntax="proto3")
    for line in _MESSAGES.replace("\n    ", " ").strip().splitlines():
        title, _, fields = line.partition(": ")
        message = file.message_type.add(name=title)
        for text in fields.split(", "):
            kind, name, number = text.split()
            repeated, kind = kind.startswith("*"), kind.removeprefix("*")
            field = message.field.add(name=name, number=int(number))
            field.label = (
                FieldDescriptorProto.LABEL_REPEATED
                if repeated
                else FieldDescriptorProto.LABEL_OPTIONAL
            )
            if kind[0].isupper():
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".archloom_tf.{kind}"
            else:
                field.type = getattr(FieldDescriptorProto, f"TYPE_{kind.upper()}")
                if title == "Value":  # which of the fields is set matters, zeros included
                    field.proto3_optional = True
    _make_optional(file)
    return file


def _make_optional(file: Any) -> None:
    """Give every optional number of ``Value`` the group of its own that protobuf asks for."""
    value = next(one for one in file.message_type if one.name == "Value")
    for field in value.field:
        if field.proto3_optional:
            field.oneof_index = len(value.oneof_decl)
            value.oneof_decl.add(name=f"_{field.name}")


def dtype_name(number: int) -> str | None:
    """Return NumPy's name of an element type as archloom computes with it, None for texts,
    resources and other things that are no numbers.
    """
    name = _TYPES.get(number)
    return name if name is None else _WIDENED.get(name, name)


def _node(proto: Any) -> Node:
    inputs = tuple(one.removesuffix(":0") for one in proto.input if not one.startswith("^"))
    name = str(proto.name)
    attributes = {
        one.key: _attribute(one.value, name) for one in proto.attr if not one.key.startswith("_")
    }
    return Node(name, str(proto.op), inputs, attributes)


def _attribute(value: Any, where: str) -> Any:
    for field in ("s", "i", "f", "b", "type"):
        if value.HasField(field):
            found = getattr(value, field)
            return found.decode(errors="replace") if field == "s" else found
    if value.HasField("shape"):
        return _shape(value.shape)
    if value.HasField("tensor"):
        return _tensor(value.tensor, where)
    if value.HasField("list"):
        return _list(value.list)
    return None


def _list(value: Any) -> list[Any]:
    for field in ("i", "f", "b", "type"):
        if len(getattr(value, field)):
            return list(getattr(value, field))
    if len(value.shape):
        return [_shape(one) for one in value.shape]
    return [one.decode(errors="replace") for one in value.s]


def _shape(proto: Any) -> tuple[int, ...] | None:
    return None if proto.unknown_rank else tuple(one.size for one in proto.dim)


def _tensor(proto: Any, where: str) -> Tensor | None:
    """Return a constant, None for one of texts."""
    name = _TYPES.get(proto.dtype)
    if name is None:
        return None
    shape = _shape(proto.tensor_shape) or ()
    size = math.prod(shape)
    if size > _LARGEST_FILLED and not proto.tensor_content:
        raise FormatError(
            f"node {where!r}: a constant of {size:,} elements that are not in the file: it is "
            "damaged, get it again."
        )
    if proto.tensor_content:
        flat = _from_bytes(proto.tensor_content, name)
    else:
        given: Sequence[Any] = getattr(proto, _VALUES.get(name, "int_val"))
        flat = _from_values(given, name, size)
    if min(shape, default=1) < 0 or len(flat) != size:
        raise FormatError(
            f"node {where!r}: a constant of shape {list(shape)} with {len(flat)} values: the file "
            "is damaged, get it again."
        )
    return flat.reshape(shape)


def _from_bytes(content: bytes, name: str) -> Tensor:
    width = torch.empty(0, dtype=getattr(torch, name)).element_size()
    whole = content[: len(content) // width * width]
    flat = (
        torch.frombuffer(bytearray(whole), dtype=getattr(torch, name)) if whole else torch.empty(0)
    )
    return flat.to(getattr(torch, _WIDENED.get(name, name)))


def _from_values(given: Sequence[Any], name: str, size: int) -> Tensor:
    """Return values that are listed; the last one stands for all that follow."""
    wanted = getattr(torch, _WIDENED.get(name, name))
    if name in ("float16", "bfloat16"):
        bits = torch.tensor(list(given), dtype=torch.int32).to(torch.int16)
        flat = bits.view(getattr(torch, name)).to(wanted)
    else:
        flat = torch.tensor(list(given), dtype=wanted)
    if not len(flat):
        return torch.zeros(max(size, 0), dtype=wanted)
    missing = size - len(flat)
    return torch.cat([flat, flat[-1:].expand(missing)]) if missing > 0 else flat
