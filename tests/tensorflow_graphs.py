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


def graph_def_of(graph, weights) -> GraphDef:
    """A graph of window operations, activations and sums as TensorFlow would have it."""
    g, values = GraphDef(), {}
    for node in graph.order.tolist():
        name = f"{graph.op_name(node)}_{node}"
        before = [values[one] for one in graph.predecessors(node).tolist()]
        key = int(graph.ids[node])
        parts = {
            part: weights[f"{key}.{part}"].detach().numpy()
            for part in ("weight", "bias", "mean", "var")
            if f"{key}.{part}" in weights
        }
        values[node] = _written(g, graph, node, name, before, parts)
    return g


def _written(g: GraphDef, graph, node: int, name: str, before: list[str], parts: dict) -> str:
    op = graph.op_name(node)
    (kh, kw), (sh, sw) = graph.kernel[node].tolist(), graph.stride[node].tolist()
    padding = {1: "VALID", 2: "SAME"}.get(int(graph.padding[node]))
    window = {"strides": [1, sh, sw, 1], "padding": padding}
    match op:
        case "input":
            h, w, c = graph.resolution[node, [0, 2, 4]].tolist()
            return g.input(-1, h, w, c, name=name)
        case "conv" | "depthwise":
            kind = "Conv2D" if op == "conv" else "DepthwiseConv2dNative"
            order = (2, 3, 1, 0) if op == "conv" else (2, 3, 0, 1)
            kernel = g.read(np.ascontiguousarray(parts["weight"].transpose(order)))
            x = g.op(kind, *before, kernel, name=name, dilations=[1, 1, 1, 1], **window)
            return g.op("BiasAdd", x, g.read(parts["bias"])) if "bias" in parts else x
        case "batchnorm":
            statistics = [g.read(parts[part]) for part in ("weight", "bias", "mean", "var")]
            more = {"epsilon": 1e-3, "is_training": False, "data_format": "NHWC"}
            return g.op("FusedBatchNormV3", *before, *statistics, name=name, **more)
        case "maxpool" | "avgpool":
            kind = "MaxPool" if op == "maxpool" else "AvgPool"
            return g.op(kind, *before, name=name, ksize=[1, kh, kw, 1], **window)
        case "mean":
            axes = g.const([1, 2], "int32")
            return g.op("Mean", *before, axes, name=name, keep_dims=False)
        case "matmul":
            x = g.op("MatMul", *before, g.read(parts["weight"].T.copy()), name=name)
            return g.op("BiasAdd", x, g.read(parts["bias"]))
        case "concat":
            return g.op("ConcatV2", *before, g.const(3, "int32"), name=name)
        case "add":
            return g.op("AddV2" if len(before) == 2 else "AddN", *before, name=name)
    names = {"relu": "Relu", "relu6": "Relu6", "output": "Identity"}
    return g.op(names[op], *before, name=name)
