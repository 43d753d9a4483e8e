"""Writer of ONNX files: one ONNX node per graph node, so that the file reads like the graph.

Node and tensor names are ``{op}_{node id}``; helper nodes carry a suffix (``conv_7/join``).
Batch norms stay nodes, pads are written out from the stored sizes, the batch size is free. The
output equals that of ``to_torch`` in evaluation mode. A fixed node is written as its definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.execute.operators.fallback import attribute_value
from archloom.files import replacing
from archloom.graph import OPS, Definition, Graph, Merge, window_pads
from archloom.graph.definition import OWN_DOMAIN, Literal, Operand, TensorType, Weight

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor

OPSET = 17
"""Written where no fixed node asks for its own."""
BATCH = "batch"
"""Name of the free first dimension."""


LARGEST_INLINE = 2**31 - 2**24
"""Bytes of weights that fit into one protobuf beside the nodes."""

_SMALLEST_EXTERNAL = 1024
_ALIGNMENT = 4096  # of external tensors, so that readers can map them


def write_onnx(graph: Graph, path: str | Path, weights: Mapping[str, Tensor] | None = None) -> None:
    """Write ``graph`` with ``weights`` to ``path``, atomically; see ``to_onnx``.

    Weights that are too large for one protobuf lie beside it, in ``{path}.data``.
    """
    import onnx

    target, arrays = Path(path), _arrays(graph, weights)
    if _size(arrays) <= LARGEST_INLINE:
        model = _model(graph, arrays)
        onnx.checker.check_model(model, full_check=True)
        with replacing(target) as temporary:
            temporary.write_bytes(model.SerializeToString())
        return
    data = target.with_name(f"{target.name}.data")
    with replacing(data) as temporary, temporary.open("wb") as file:
        model = _model(graph, arrays, store=_External(file, data.name))
    with replacing(target) as temporary:
        temporary.write_bytes(model.SerializeToString())
        onnx.checker.check_model(str(temporary), full_check=True)


def to_onnx(
    graph: Graph, weights: Mapping[str, Tensor] | None = None, opset: int | None = None
) -> ModelProto:
    """Return ``graph`` as a checked ONNX model; without ``weights`` those of ``to_torch`` (seed 0).

    Inputs and outputs are (batch, C, H, W), outputs of 1x1 maps (batch, C). Raises ``GraphError``
    for a node that cannot be executed, for weights of another graph or too large for one protobuf,
    and for an opset below 17.
    """
    import onnx

    arrays = _arrays(graph, weights)
    if _size(arrays) > LARGEST_INLINE:
        raise GraphError(
            f"the weights of graph {graph.name!r} have {_size(arrays):,} bytes, one protobuf holds "
            f"{LARGEST_INLINE:,}: write them with write_onnx, which puts them beside the file."
        )
    model = _model(graph, arrays, opset)
    onnx.checker.check_model(model, full_check=True)
    return model


def _size(arrays: Mapping[str, NDArray[Any]]) -> int:
    return sum(array.nbytes for array in arrays.values())


class _External:
    """Puts tensors into a data file and returns references to them; small ones stay inline."""

    def __init__(self, file: BinaryIO, location: str) -> None:
        self.file, self.location = file, location

    def __call__(self, array: NDArray[Any], name: str) -> Any:
        from onnx import TensorProto, external_data_helper, helper, numpy_helper

        if array.nbytes < _SMALLEST_EXTERNAL:
            return numpy_helper.from_array(array, name)
        self.file.write(bytes(-self.file.tell() % _ALIGNMENT))
        offset = self.file.tell()
        self.file.write(np.ascontiguousarray(array).data)
        proto = TensorProto(name=name, dims=array.shape)
        proto.data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
        proto.raw_data = b""
        external_data_helper.set_external_data(proto, self.location, offset, array.nbytes)
        proto.ClearField("raw_data")
        return proto


def _model(
    graph: Graph,
    arrays: dict[str, NDArray[Any]],
    opset: int | None = None,
    store: Callable[[NDArray[Any], str], Any] | None = None,
) -> ModelProto:
    """Return the model; ``store`` makes the protobufs of its tensors."""
    from onnx import helper, numpy_helper

    opsets = {one.domain: one.version for one in graph.definitions if one.domain != OWN_DOMAIN}
    fixed = opsets.setdefault("", opset or OPSET)
    if opset is not None and (opset < OPSET or opset != fixed):
        what = "later" if fixed == opset else f"this graph, for its fixed nodes, {fixed} only"
        raise GraphError(f"opset {opset} cannot be written: archloom writes {OPSET} and {what}.")
    writer = _Writer(graph, arrays)
    writer.write_all()
    model = helper.make_model(
        writer.proto(store or numpy_helper.from_array),
        opset_imports=[helper.make_opsetid(*one) for one in opsets.items()],
        producer_name="archloom",
        producer_version=_version(),
    )
    model.ir_version = 10 if graph.definitions else 8
    facts = {"archloom.graph": graph.hash, "archloom.family": graph.family}
    helper.set_model_props(model, facts)
    return model


def _arrays(graph: Graph, weights: Mapping[str, Tensor] | None) -> dict[str, NDArray[Any]]:
    """Return the weights as arrays, random ones for None; they are checked where the graph can be
    run here.
    """
    from archloom.execute.module import to_torch

    foreign = any(one.domain not in ("", OWN_DOMAIN) for one in graph.definitions)
    if weights is None or not foreign:
        weights = to_torch(graph, weights).weights()
    return {name: one.detach().cpu().numpy() for name, one in weights.items()}


def _version() -> str:
    try:
        return version("archloom")
    except PackageNotFoundError:
        return "unknown"


class _Writer:
    """Collects the ONNX nodes and constants of one graph."""

    def __init__(self, graph: Graph, weights: Mapping[str, NDArray[Any]]) -> None:
        self.graph, self.weights = graph, weights
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.values: dict[int, str] = {}
        self.flat: set[str] = set()  # tensors without H and W
        self.by_definition: set[str] = set()  # tensors of the rank that a definition states
        self.foreign: list[Any] = []  # types that nobody could infer

    def write_all(self) -> None:
        """Emit all nodes in execution order."""
        for node in self.graph.order.tolist():
            operands = self.graph.predecessors(node).tolist()
            definition = self.graph.definition_of(node)
            if definition is not None:
                self._write_fixed(node, definition, [self.values[one] for one in operands])
                continue
            if operands:
                value = self._joined(node, [self.values[operand] for operand in operands])
            else:
                value = self._input_name(node)
            self.values[node] = self._write_node(node, value)
        for sink in self.graph.sinks.tolist():
            self._finish(sink)

    def proto(self, store: Callable[[NDArray[Any], str], Any]) -> Any:
        """Return the ONNX graph, with tensors as ``store`` makes them."""
        from onnx import helper

        inputs = [
            helper.make_tensor_value_info(self._input_name(node), *self._end(node, 0))
            for node in self.graph.sources.tolist()
        ]
        outputs = [
            helper.make_tensor_value_info(self._output_name(node), *self._end(node, 1))
            for node in self.graph.sinks.tolist()
        ]
        constants = [store(array, name) for name, array in self.constants.items()]
        title = self.graph.name or "archloom"
        return helper.make_graph(
            self.nodes, title, inputs, outputs, constants, value_info=self.foreign
        )

    def _end(self, node: int, side: int) -> tuple[int, list[Any]]:
        """Return element type and shape of the input (``side`` 0) or output (1) at ``node``."""
        from onnx import TensorProto

        definition = self.graph.definition_of(node)
        if definition is not None:
            return _element_and_shape(
                definition.operands[0].type if side else definition.outputs[0]
            )
        height, width, channels = self.graph.resolution[node, side::2].tolist()
        size = [] if side and (height, width) == (1, 1) else [height, width]
        return TensorProto.FLOAT, [BATCH, channels, *size]

    # --- fixed nodes -----------------------------------------------------------------------------

    def _write_fixed(self, node: int, definition: Definition, values: list[str]) -> None:
        """Emit a fixed node; the values of its operands come in the rank that it takes."""
        if definition.domain == OWN_DOMAIN and definition.op_type == "Input":
            self.values[node] = self._input_name(node)
            self.by_definition.add(self.values[node])
            return
        ranks = [len(one.type.shape) for one in definition.operands]
        values = [self._ranked(*pair) for pair in zip(values, ranks, strict=True)]
        if definition.domain == OWN_DOMAIN:  # Output, Pick
            index = definition.attribute("index", 0)
            self.values[node] = values[0] if not index else f"{values[0]}/{index}"
        else:
            self.values[node] = self._emit_definition(node, definition, values)
        self.by_definition.add(self.values[node])
        if len(definition.outputs[0].shape) == 2:
            self.flat.add(self.values[node])

    def _emit_definition(self, node: int, definition: Definition, operands: list[str]) -> str:
        from onnx import helper

        name, waiting, inputs = self._name(node), iter(operands), []
        for position, slot in enumerate(definition.inputs):
            match slot:
                case Operand():
                    inputs.append(next(waiting))
                case Weight(name=part):
                    inputs.append(self._weight(node, part))
                case Literal():
                    array = slot.array()
                    inputs.append(self._constant(f"{name}/in{position}", array, array.dtype.type))
                case None:
                    inputs.append("")
        outputs = [name, *(f"{name}/{i}" for i in range(1, len(definition.outputs)))]
        if definition.domain:
            ends = zip(outputs, definition.outputs, strict=True)
            self.foreign += [_value_info(*end) for end in ends]
        attributes = {key: attribute_value(value) for key, value in definition.attributes}
        self.nodes.append(
            helper.make_node(
                definition.op_type,
                inputs,
                outputs,
                name=name,
                domain=definition.domain or None,
                **attributes,
            )
        )
        return name

    def _ranked(self, value: str, rank: int) -> str:
        """Return ``value`` as a fixed node takes it: a map of one pixel without H and W for two
        dimensions, with them for four.
        """
        if rank == 4:
            return self._mapped(value)
        if rank != 2 or value in self.flat or value in self.by_definition:
            return value
        name = f"{value}/flat"
        if name not in self.flat:
            self._emit("Flatten", [value], name)
            self.flat.add(name)
        return name

    # --- names and emission ----------------------------------------------------------------------

    def _name(self, node: int) -> str:
        return f"{self.graph.op_name(node)}_{int(self.graph.ids[node])}"

    def _input_name(self, node: int) -> str:
        return "input" if len(self.graph.sources) == 1 else f"input_{int(self.graph.ids[node])}"

    def _output_name(self, node: int) -> str:
        return "output" if len(self.graph.sinks) == 1 else f"output_{int(self.graph.ids[node])}"

    def _emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, values: Any, dtype: type = np.float32) -> str:
        self.constants[name] = np.asarray(values, dtype=dtype)
        return name

    def _weight(self, node: int, part: str) -> str:
        key = f"{int(self.graph.ids[node])}.{part}"
        self.constants[key] = self.weights[key]
        return key

    # --- operands --------------------------------------------------------------------------------

    def _joined(self, node: int, values: list[str]) -> str:
        """Return the tensor that ``node`` works on: operands sliced and merged."""
        merge = OPS.by_code(int(self.graph.op[node])).merge
        if merge != Merge.CONCAT:
            values = [self._sliced(node, value, position) for position, value in enumerate(values)]
        if len(values) == 1:
            return values[0]
        own = self.graph.op_name(node) in ("add", "mul", "concat")
        name = self._name(node) if own else f"{self._name(node)}/join"
        if all(value in self.flat for value in values):
            self.flat.add(name)
        values = values if name in self.flat else [self._mapped(value) for value in values]
        if merge == Merge.CONCAT:
            return self._emit("Concat", values, name, axis=1)
        if merge == Merge.SUM:
            return self._emit("Add" if len(values) == 2 else "Sum", values, name)
        for position, value in enumerate(values[2:]):
            values[0] = self._emit("Mul", [values[0], values[1]], f"{name}/part{position}")
            values[1] = value
        return self._emit("Mul", values[:2], name)

    def _sliced(self, node: int, value: str, position: int) -> str:
        """Return operand ``position`` of ``node`` cut to the node's input channels."""
        operand = int(self.graph.predecessors(node)[position])
        wanted = int(self.graph.resolution[node, 4])
        if int(self.graph.resolution[operand, 5]) <= wanted:
            return value
        name = f"{self._name(node)}/slice{position}"
        bounds = [
            self._constant(f"{name}/{part}", [number], np.int64)
            for part, number in (("start", 0), ("end", wanted), ("axis", 1))
        ]
        result = self._emit("Slice", [value, *bounds], name)
        if value in self.flat:
            self.flat.add(result)
        return result

    def _mapped(self, value: str) -> str:
        """Return ``value`` with H and W."""
        if value not in self.flat:
            return value
        name = f"{value}/map"
        if name not in self.constants and not any(one.name == name for one in self.nodes):
            axes = self._constant(f"{name}/axes", [2, 3], np.int64)
            self._emit("Unsqueeze", [value, axes], name)
        return name

    # --- operations ------------------------------------------------------------------------------

    def _write_node(self, node: int, value: str) -> str:
        """Emit ``node`` working on the tensor ``value`` and return its output tensor."""
        op, name = self.graph.op_name(node), self._name(node)
        if op in ("input", "output") or value == name:  # ends, or merged under its own name
            return value
        if op in _SIMPLE:
            result = self._emit(_SIMPLE[op], [value], name)
        elif op in _MAPPED:
            return _MAPPED[op](self, node, self._mapped(value), name)
        elif op in _ANY_RANK:
            result = _ANY_RANK[op](self, node, value, name)
        else:
            return self._matmul(node, value, name)
        if value in self.flat:
            self.flat.add(result)
        return result

    def _matmul(self, node: int, value: str, name: str) -> str:
        weight, bias = self._weight(node, "weight"), self._weight(node, "bias")
        if self.graph.resolution[node, [0, 2]].tolist() != [1, 1]:
            self.constants[weight] = self.constants[weight][:, :, None, None]
            return self._emit("Conv", [value, weight, bias], name, kernel_shape=[1, 1])
        if value not in self.flat:
            value = self._emit("Flatten", [value], f"{name}/flatten")
        self.flat.add(name)
        return self._emit("Gemm", [value, weight, bias], name, transB=1)

    def _convolution(self, node: int, value: str, name: str) -> str:
        inputs = [value, self._weight(node, "weight")]
        if self.graph.bias[node]:
            inputs.append(self._weight(node, "bias"))
        depthwise = self.graph.op_name(node) == "depthwise"
        groups = int(self.graph.resolution[node, 4] if depthwise else self.graph.groups[node])
        return self._emit("Conv", inputs, name, group=groups, **self._window(node))

    def _maxpool(self, node: int, value: str, name: str) -> str:
        return self._emit("MaxPool", [value], name, **self._window(node, below_kernel=True))

    def _avgpool(self, node: int, value: str, name: str) -> str:
        window = self._window(node, below_kernel=True)
        del window["dilations"]  # always 1, and unknown to this opset
        return self._emit("AveragePool", [value], name, count_include_pad=0, **window)

    def _window(self, node: int, below_kernel: bool = False) -> dict[str, list[int]]:
        kernel, pads = self.graph.kernel[node].tolist(), list(window_pads(self.graph, node))
        if below_kernel and (np.array(pads).reshape(2, 2) >= kernel).any():
            raise GraphError(
                f"{self.graph.describe(node)} pads {pads} with a window of {kernel}: ONNX pools "
                "take less than the window, put a paddings node in front."
            )
        return {
            "kernel_shape": kernel,
            "strides": self.graph.stride[node].tolist(),
            "dilations": self.graph.dilation[node].tolist(),
            "pads": pads,
        }

    def _norm(self, node: int, value: str, name: str) -> str:
        from archloom.execute import NORM_EPSILON

        parts = [self._weight(node, part) for part in ("weight", "bias", "mean", "var")]
        return self._emit("BatchNormalization", [value, *parts], name, epsilon=NORM_EPSILON)

    def _relu6(self, node: int, value: str, name: str) -> str:
        bounds = [self._constant(f"const/{bound}", bound) for bound in (0.0, 6.0)]
        return self._emit("Clip", [value, *bounds], name)

    def _swish(self, node: int, value: str, name: str) -> str:
        gate = self._emit("Sigmoid", [value], f"{name}/gate")
        return self._emit("Mul", [value, gate], name)

    def _hardsigmoid(self, node: int, value: str, name: str) -> str:
        return self._emit("HardSigmoid", [value], name, alpha=1 / 6, beta=0.5)

    def _gelu(self, node: int, value: str, name: str) -> str:
        scaled = self._emit(
            "Mul", [value, self._constant("const/sqrt_half", 0.5**0.5)], f"{name}/scaled"
        )
        erf = self._emit("Erf", [scaled], f"{name}/erf")
        shifted = self._emit("Add", [erf, self._constant("const/one", 1.0)], f"{name}/shifted")
        half = self._emit("Mul", [value, self._constant("const/half", 0.5)], f"{name}/half")
        return self._emit("Mul", [half, shifted], name)

    def _zero(self, node: int, value: str, name: str) -> str:
        stride = self.graph.stride[node].tolist()
        if stride != [1, 1]:
            end = np.iinfo(np.int64).max
            parts = (("start", [0, 0]), ("end", [end, end]), ("axes", [2, 3]), ("step", stride))
            bounds = [self._constant(f"{name}/{part}", values, np.int64) for part, values in parts]
            value = self._emit("Slice", [self._mapped(value), *bounds], f"{name}/thin")
        return self._emit("Mul", [value, self._constant("const/0.0", 0.0)], name)

    def _paddings(self, node: int, value: str, name: str) -> str:
        top, left, bottom, right = self.graph.pads[node].tolist()
        pads = self._constant(f"{name}/pads", [0, 0, top, left, 0, 0, bottom, right], np.int64)
        return self._emit("Pad", [value, pads], name)

    def _mean(self, node: int, value: str, name: str) -> str:
        return self._emit("GlobalAveragePool", [value], name)

    def _finish(self, node: int) -> None:
        """Give the output of a sink its name and rank."""
        value, name = self.values[node], self._output_name(node)
        if self.graph.is_fixed[node]:
            self._emit("Identity", [value], name)
            return
        maps = self.graph.resolution[node, [1, 3]].tolist() != [1, 1]
        keep = maps or value in self.flat
        self._emit("Identity" if keep else "Flatten", [value], name)


def _element_and_shape(one: TensorType) -> tuple[int, list[Any]]:
    """Return ONNX's element type and a shape with a free batch."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(one.dtype)), [BATCH, *one.shape[1:]]


def _value_info(name: str, one: TensorType) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, *_element_and_shape(one))


_SIMPLE = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "hardswish": "HardSwish",
    "identity": "Identity",
    "add": "Identity",  # of a single operand
    "mul": "Identity",
    "concat": "Identity",
}
_Handler = Callable[[_Writer, int, str, str], str]
_MAPPED: dict[str, _Handler] = {
    "conv": _Writer._convolution,
    "depthwise": _Writer._convolution,
    "maxpool": _Writer._maxpool,
    "avgpool": _Writer._avgpool,
    "paddings": _Writer._paddings,
    "mean": _Writer._mean,
    "global": _Writer._mean,
}
_ANY_RANK: dict[str, _Handler] = {
    "batchnorm": _Writer._norm,
    "relu6": _Writer._relu6,
    "swish": _Writer._swish,
    "hardsigmoid": _Writer._hardsigmoid,
    "gelu": _Writer._gelu,
    "zero": _Writer._zero,
}
