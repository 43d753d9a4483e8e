"""ONNX nodes of a graph: one node per graph node, helper nodes with a suffix (``conv_7/join``).

Vectors (N, C) and maps (N, C, 1, 1) stand for each other in a graph; here every tensor has a rank,
and gets another where a node takes it so.

More than 400 lines: one short method per operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.execute.operators.fallback import attribute_value, is_standard
from archloom.execute.operators.table import OPERATORS
from archloom.execute.types import output_types
from archloom.graph import OPS, Definition, Graph, Merge, window_pads
from archloom.graph.definition import OWN_DOMAIN, Literal, Operand, TensorType, Weight
from archloom.graph.graph import End

OPSET = 17
"""Oldest operator set that is written; a later one where a fixed node asks for it."""
BATCH = "batch"
"""Name of the free first dimension."""


class Writer:
    """Collects the ONNX nodes and constants of one graph."""

    def __init__(self, graph: Graph, weights: Mapping[str, NDArray[Any]]) -> None:
        self.graph, self.weights = graph, weights
        self.nodes: list[Any] = []
        self.versions: list[int] = []  # operator sets that the nodes are written in
        self.constants: dict[str, NDArray[Any]] = {}
        self.values: dict[int, str] = {}
        self.flat: set[str] = set()  # tensors without H and W
        self.ranks: dict[str, int] = {}  # of tensors of which a definition states it
        self.reshaped: dict[tuple[str, int], str] = {}  # the same tensors in another rank
        self.foreign: list[Any] = []  # types that nobody could infer
        self.trained: dict[str, int] = {}  # parameters of tensors where they are not their size
        self.ends = _named_ends(graph)
        self.taken = {end.name for end in self.ends.values()}

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
                value = self.ends[node].name
            self.values[node] = self._write_node(node, value)
        for sink in self.graph.sinks.tolist():
            self._finish(sink)

    def proto(self, store: Callable[[NDArray[Any], str], Any]) -> Any:
        """Return the ONNX graph, with tensors as ``store`` makes them."""
        from onnx import helper

        inputs, outputs = (
            [
                helper.make_tensor_value_info(self.ends[node].name, *self._end(node, side))
                for node in nodes.tolist()
            ]
            for side, nodes in enumerate((self.graph.sources, self.graph.sinks))
        )
        constants = [store(array, name) for name, array in self.constants.items()]
        title = self.graph.name or "archloom"
        return helper.make_graph(
            self.nodes, title, inputs, outputs, constants, value_info=self.foreign
        )

    def _end(self, node: int, side: int) -> tuple[int, list[Any]]:
        """Return element type and shape of the input (``side`` 0) or output (1) at ``node``."""
        from onnx import TensorProto

        definition, batch = self.graph.definition_of(node), self.ends[node].batch
        if definition is not None:
            one = definition.outputs[0]
            element, shape = _element_and_shape(one)
            for axis in definition.batch_axes:
                free = BATCH if one.shape[axis] == 1 else None
                shape[axis] = batch * one.shape[axis] if batch else free
            return element, shape
        height, width, channels = self.graph.resolution[node, side::2].tolist()
        size = [] if side and (height, width) == (1, 1) else [height, width]
        return TensorProto.FLOAT, [batch or BATCH, channels, *size]

    # --- fixed nodes -----------------------------------------------------------------------------

    def _write_fixed(self, node: int, definition: Definition, values: list[str]) -> None:
        """Emit a fixed node; the values of its operands come in the rank that it takes."""
        if definition.domain == OWN_DOMAIN and definition.op_type == "Input":
            self._define(node, self.ends[node].name, definition)
            return
        ranks = [len(one.type.shape) for one in definition.operands]
        values = [self._ranked(*pair) for pair in zip(values, ranks, strict=True)]
        if definition.domain == OWN_DOMAIN:  # Output, Pick
            index = definition.attribute("index", 0)
            result = values[0] if not index else self._free(f"{values[0]}/{index}")
        else:
            result = self._emit_definition(node, definition, values)
        self._define(node, result, definition)

    def _define(self, node: int, value: str, definition: Definition) -> None:
        """Take ``value`` for the output of a fixed node, of the rank that it states."""
        self.values[node] = value
        self.ranks[value] = len(definition.outputs[0].shape)
        if self.ranks[value] == 2:
            self.flat.add(value)

    def _emit_definition(self, node: int, definition: Definition, operands: list[str]) -> str:
        from onnx import helper

        name, waiting, inputs = self._name(node), iter(operands), []
        for position, slot in enumerate(definition.inputs):
            match slot:
                case Operand():
                    inputs.append(next(waiting))
                case Weight(name=part):
                    inputs.append(self._weight(node, part))
                    if slot.trained >= 0 or slot.type.size == 1:
                        self.trained[inputs[-1]] = slot.parameters
                case Literal():
                    array = slot.array()
                    inputs.append(self._constant(f"{name}/in{position}", array, array.dtype.type))
                    if array.size > 1 and array.dtype.kind == "f":
                        self.trained[inputs[-1]] = 0
                case None:
                    inputs.append("")
        while not inputs[-1]:  # runtimes trip over names that are left out at the end
            del inputs[-1]
        count = max(len(definition.outputs), _fewest_outputs(definition))
        outputs = [name, *(self._free(f"{name}/{i}") for i in range(1, count))]
        if definition.domain or _depends_on_data(definition):
            first = BATCH if definition.domain else None
            ends = zip(outputs, definition.outputs, strict=False)
            self.foreign += [_value_info(*end, first) for end in ends]
        attributes = {key: attribute_value(value) for key, value in definition.attributes}
        self.versions.append(definition.version)
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
        if rank != 2 or value in self.flat or self.ranks.get(value, 4) != 4:
            return value
        if (value, 2) not in self.reshaped:
            self.reshaped[value, 2] = self._emit("Flatten", [value], f"{value}/flat")
            self.flat.add(self.reshaped[value, 2])
        return self.reshaped[value, 2]

    # --- names and emission ----------------------------------------------------------------------

    def _name(self, node: int) -> str:
        return self._free(f"{self.graph.op_name(node)}_{int(self.graph.ids[node])}")

    def _free(self, name: str) -> str:
        """Return ``name``, longer where an input or output is called so."""
        while name in self.taken:
            name += "_"
        return name

    def _emit(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        return self._add(op, inputs, self._free(output), **attributes)

    def _add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.versions.append(OPSET)
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, values: Any, dtype: type = np.float32) -> str:
        name = self._free(name)
        self.constants[name] = np.asarray(values, dtype=dtype)
        return name

    def _weight(self, node: int, part: str) -> str:
        key = f"{int(self.graph.ids[node])}.{part}"
        name = self._free(key)
        if int(self.graph.ids[node]) in self.graph.shared:
            self.trained[name] = 0
        self.constants[name] = self.weights[key]
        return name

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
        pixels = self.graph.resolution[node, [0, 2]].tolist() == [1, 1]
        if any(value in self.flat for value in values) and pixels:
            self.flat.add(name)
        rank = 2 if name in self.flat else 4
        values = [self._ranked(value, rank) for value in values]
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
        if (value, 4) not in self.reshaped:
            axes = self._constant(f"{value}/map/axes", [2, 3], np.int64)
            self.reshaped[value, 4] = self._emit("Unsqueeze", [value, axes], f"{value}/map")
        return self.reshaped[value, 4]

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
        value = self._ranked(value, 2)
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
        value = self.values[node]
        maps = self.graph.resolution[node, [1, 3]].tolist() != [1, 1]
        keep = self.graph.is_fixed[node] or maps or value in self.flat
        self._add("Identity" if keep else "Flatten", [value], self.ends[node].name)


def _named_ends(graph: Graph) -> dict[int, End]:
    """Return what the ends are called, by node: as in the model that the graph was read from, or
    after what they are; every name once.
    """
    known = {end.node: end for end in graph.ends if end.name}
    found: dict[int, End] = {}
    for what, nodes in (("input", graph.sources.tolist()), ("output", graph.sinks.tolist())):
        for node in nodes:
            identity = int(graph.ids[node])
            plain = what if len(nodes) == 1 else f"{what}_{identity}"
            end = known.get(identity, End(identity, plain))
            taken = {other.name for other in found.values()}
            name = end.name if end.name not in taken else plain
            while name in taken:
                name += "_"
            found[node] = end._replace(name=name)
    return found


def _element_and_shape(one: TensorType) -> tuple[int, list[Any]]:
    """Return ONNX's element type and the shape of a type."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(one.dtype)), list(one.shape)


def _fewest_outputs(definition: Definition) -> int:
    """Return how many outputs a standard operator names, whoever reads them; 0 of any other."""
    if not is_standard(definition):
        return 0
    from onnx import defs

    return int(defs.get_schema(definition.op_type, definition.version).min_output)


def _depends_on_data(definition: Definition) -> bool:
    """Return whether the sizes of a standard operator's outputs follow from its data alone."""
    known = ("", definition.op_type) in OPERATORS
    return (not known or definition.op_type == "NonZero") and output_types(definition) is None


def _value_info(name: str, one: TensorType, first: str | None) -> Any:
    """Return the type of a value, its ``first`` size open under that name, or without one."""
    from onnx import helper

    element, shape = _element_and_shape(one)
    return helper.make_tensor_value_info(name, element, [first, *shape[1:]] if shape else [])


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
_Handler = Callable[[Writer, int, str, str], str]
_MAPPED: dict[str, _Handler] = {
    "conv": Writer._convolution,
    "depthwise": Writer._convolution,
    "maxpool": Writer._maxpool,
    "avgpool": Writer._avgpool,
    "paddings": Writer._paddings,
    "mean": Writer._mean,
    "global": Writer._mean,
}
_ANY_RANK: dict[str, _Handler] = {
    "batchnorm": Writer._norm,
    "relu6": Writer._relu6,
    "swish": Writer._swish,
    "hardsigmoid": Writer._hardsigmoid,
    "gelu": Writer._gelu,
    "zero": Writer._zero,
}
