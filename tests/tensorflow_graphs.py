"""Writes TensorFlow GraphDefs byte by byte, for tests where there is no TensorFlow.

The field numbers are those of TensorFlow's published messages, given here a second time.
"""

import struct

import numpy as np

TYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}


class Type(str):
    """An element type as an attribute."""


class Shape(tuple):
    """A shape as an attribute; -1 is unknown."""


class Raw(bytes):
    """An attribute value that is encoded already."""


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def block(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(int(value))


def shape(sizes) -> bytes:
    return b"".join(block(2, number(1, size)) for size in sizes)


def tensor(array: np.ndarray, how: str = "content") -> bytes:
    head = number(1, TYPES[array.dtype.name]) + block(2, shape(array.shape))
    if how == "content":
        return head + block(4, array.tobytes())
    if array.dtype == np.float32:  # one value stands for all
        return head + block(5, struct.pack("<f", array.flat[0]))
    if array.dtype == np.float16:
        return head + block(13, b"".join(varint(int(b)) for b in array.view(np.uint16).flat))
    field = {"int32": 7, "int64": 10, "bool": 11}[array.dtype.name]
    return head + block(field, b"".join(varint(int(one)) for one in array.flat))


def attribute(value) -> bytes:
    match value:
        case Raw():
            return bytes(value)
        case bool():
            return number(5, value)
        case int():
            return number(3, value)
        case float():
            return varint(4 << 3 | 5) + struct.pack("<f", value)
        case Type():
            return number(6, TYPES[value])
        case str():
            return block(2, value)
        case Shape():
            return block(7, shape(value))
        case np.ndarray():
            return block(8, tensor(value))
        case list():
            return block(1, block(3, b"".join(varint(one) for one in value)))
    raise TypeError(value)


class GraphDef:
    """Collects nodes; methods return the name of the node."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []

    def op(self, op: str, *inputs: str, name: str = "", **attributes) -> str:
        name = name or f"{op}_{len(self.nodes)}"
        entries = b"".join(
            block(5, block(1, key) + block(2, attribute(value)))
            for key, value in attributes.items()
        )
        self.nodes.append(
            block(1, name) + block(2, op) + b"".join(block(3, one) for one in inputs) + entries
        )
        return name

    def input(self, *sizes: int, dtype: str = "float32", name: str = "input") -> str:
        return self.op("Placeholder", name=name, dtype=Type(dtype), shape=Shape(sizes))

    def const(self, value, dtype: str = "float32", name: str = "", how: str = "content") -> str:
        array = np.asarray(value, dtype=dtype)
        encoded = Raw(block(8, tensor(array, how)))
        return self.op("Const", name=name, value=encoded, dtype=Type(array.dtype.name))

    def read(self, value, dtype: str = "float32") -> str:
        """A constant behind an Identity, as frozen variables are."""
        return self.op("Identity", self.const(value, dtype))

    def conv(self, x: str, weight, *, stride: int = 1, padding: str = "SAME", **more) -> str:
        window = {"strides": [1, stride, stride, 1], "padding": padding, **more}
        return self.op("Conv2D", x, self.read(weight), **window)

    def content(self) -> bytes:
        versions = block(4, number(1, 27))
        return b"".join(block(1, node) for node in self.nodes) + versions

    def save(self, path) -> str:
        path.write_bytes(self.content())
        return str(path)
