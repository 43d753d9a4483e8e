"""Operator sets of ONNX files: every node is brought to ``OPSET`` by itself.

A node that means the same in ``OPSET`` stays as it is. Where an operator was changed, an adapter
of this module writes the node anew; ONNX's own converter is not used, since it keeps the words of
some operators and changes what they compute. Operators that ``OPSET`` does not have yet keep the
version of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from archloom.errors import FormatError
from archloom.graph.definition import OPSET

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

OLDEST = 7

REDEFINED = {
    "BatchNormalization": 14,
    "GroupNormalization": 21,
    "Hardmax": 13,
    "LogSoftmax": 13,
    "Resize": 13,
    "RoiAlign": 16,
    "Softmax": 13,
}
"""Operators whose meaning changed while their attributes and inputs look the same, and the operator
set since which it is what it is now.
"""

Adapter = Callable[["NodeProto", int, list["NodeProto"]], None]
"""Takes a node, the operator set it is written in and a list, to which it adds nodes of ``OPSET``
that compute the same.
"""


def adapt(model: ModelProto) -> None:
    """Bring the standard nodes of ``model`` to ``OPSET`` in place.

    Raises ``FormatError`` that names the node for one that means what ``OPSET`` has no words for.
    """
    stated = next((one for one in model.opset_import if not one.domain), None)
    if stated is None or stated.version == OPSET:
        return
    if stated.version < OLDEST:
        raise FormatError(
            f"the model uses ONNX operator set {stated.version}, read are {OLDEST} and later: "
            "export the model again."
        )
    _adapt_graph(model.graph, stated.version)
    stated.version = max(stated.version, OPSET)


def _adapt_graph(graph: GraphProto, version: int) -> None:
    nodes: list[NodeProto] = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _adapt_graph(attribute.g, version)
        if node.domain not in ("", "ai.onnx") or _stays(node, version):
            nodes.append(node)
        elif version < OPSET and node.op_type in _ADAPTERS:
            _ADAPTERS[node.op_type](node, version, nodes)
        else:
            raise FormatError(
                f"{_where(node)} is written in operator set {version} of ONNX, where it is not "
                f"what it is in {OPSET}: export the model with operator set {OPSET}."
            )
    if len(nodes) > len(graph.node):  # else all were changed in place
        copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)


def _stays(node: NodeProto, version: int) -> bool:
    if node.op_type == "Constant" or own_version(node.op_type, version):
        return True
    return is_unchanged(node, version, OPSET)


def own_version(op_type: str, version: int) -> int:
    """Return the version of an operator that ``OPSET`` does not have but the operator set
    ``version`` has, 0 for any other.
    """
    import onnx

    if version <= OPSET or onnx.defs.has(op_type, OPSET) or not onnx.defs.has(op_type, version):
        return 0
    return int(onnx.defs.get_schema(op_type, version).since_version)


def is_unchanged(node: NodeProto, one: int, other: int) -> bool:
    """Return whether a node means the same in two operator sets: what only one of them has, it does
    not use. Element types may have been added.
    """
    import onnx

    try:
        schemas = [onnx.defs.get_schema(node.op_type, version) for version in (one, other)]
    except onnx.defs.SchemaError:
        return False
    if any(schema.deprecated for schema in schemas):
        return False
    if schemas[0].since_version == schemas[1].since_version:
        return True
    used = {attribute.name for attribute in node.attribute}
    first, second = (_attributes(schema) for schema in schemas)
    same = all(
        first.get(name) == second.get(name) for name in used | (first.keys() & second.keys())
    )
    ends = all(
        _fits(parameters, found)
        for schema in schemas
        for parameters, found in ((schema.inputs, node.input), (schema.outputs, node.output))
    )
    return same and ends and min(one, other) >= REDEFINED.get(node.op_type, 0)


def _attributes(schema: Any) -> dict[str, tuple[Any, ...]]:
    return {
        key: (one.type, one.required, str(one.default_value))
        for key, one in schema.attributes.items()
    }


def _fits(parameters: Any, found: Any) -> bool:
    """Return whether a schema has places for the inputs or outputs of a node."""
    import onnx

    option = onnx.defs.OpSchema.FormalParameterOption
    if parameters and parameters[-1].option == option.Variadic:
        return True
    given = [*found, *[""] * (len(parameters) - len(found))]
    return len(found) <= len(parameters) and all(
        name or one.option != option.Single for name, one in zip(given, parameters, strict=True)
    )


def _where(node: NodeProto) -> str:
    return f"node {node.name or next(iter(node.output), '')!r} ({node.op_type})"


# --- what adapters use ---------------------------------------------------------------------------


def _take(node: NodeProto, name: str, default: Any = None) -> Any:
    """Remove an attribute from ``node`` and return its value."""
    from onnx import helper

    for position, attribute in enumerate(node.attribute):
        if attribute.name == name:
            value = helper.get_attribute_value(attribute)
            del node.attribute[position]
            return value.decode() if isinstance(value, bytes) else value
    return default


def _give(node: NodeProto, **attributes: Any) -> None:
    from onnx import helper

    node.attribute.extend(helper.make_attribute(*one) for one in attributes.items())


def _emit(
    nodes: list[NodeProto], like: NodeProto, op_type: str, inputs: list[str], part: str, **more: Any
) -> str:
    """Add a node in front of ``like`` and return the name of its output."""
    from onnx import helper

    output = f"{like.output[0]}//{part}"
    nodes.append(helper.make_node(op_type, inputs, [output], name=like.name, **more))
    return output


def _constant(nodes: list[NodeProto], like: NodeProto, part: str, values: Any, dtype: type) -> str:
    from onnx import numpy_helper

    value = numpy_helper.from_array(np.asarray(values, dtype=dtype))
    return _emit(nodes, like, "Constant", [], part, value=value)


# --- adapters ------------------------------------------------------------------------------------


def _moving(*attributes: str, dtype: type = np.int64) -> Adapter:
    """Attributes that became inputs, in this order behind those that are there."""

    def adapt_node(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
        for name in attributes:
            value = _take(node, name)
            moved = "" if value is None else _constant(nodes, node, name, value, dtype)
            node.input.append(moved)
        while node.input and not node.input[-1]:
            del node.input[-1]
        nodes.append(node)

    return adapt_node


def _top_k(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    node.input.append(_constant(nodes, node, "k", [_take(node, "k", 0)], np.int64))
    nodes.append(node)


def _pad(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    node.input.append(_constant(nodes, node, "pads", _take(node, "pads", []), np.int64))
    node.input.append(_constant(nodes, node, "value", _take(node, "value", 0.0), np.float32))
    nodes.append(node)


def _split(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    """Sizes became an input; parts of equal size have to be counted since 18."""
    sizes = _take(node, "split")
    if sizes is not None:
        node.input.append(_constant(nodes, node, "split", sizes, np.int64))
    elif len(node.input) < 2 or not node.input[1]:
        _give(node, num_outputs=len(node.output))
    nodes.append(node)


def _softmax(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    """Before 13 all axes from ``axis`` on were taken as one."""
    axis = int(_take(node, "axis", 1))
    _give(node, axis=-1)
    if axis != -1:
        x, result = node.input[0], node.output[0]
        shape = _emit(nodes, node, "Shape", [x], "shape")
        node.input[0] = _emit(nodes, node, "Flatten", [x], "flat", axis=axis)
        node.output[0] = f"{result}//rows"
        nodes.append(node)
        _close(nodes, "Reshape", [node.output[0], shape], result, node.name)
    else:
        nodes.append(node)


def _close(nodes: list[NodeProto], op_type: str, inputs: list[str], result: str, name: str) -> None:
    from onnx import helper

    nodes.append(helper.make_node(op_type, inputs, [result], name=name))


def _dropout(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    """Before 12 a dropout of inference had its ratio as an attribute."""
    _take(node, "ratio")
    nodes.append(node)


def _batch_norm(node: NodeProto, version: int, nodes: list[NodeProto]) -> None:
    """Before 14 a norm with more than one output was in training mode."""
    if any(node.output[1:]):
        raise FormatError(
            f"{_where(node)} is in training mode, it returns the statistics of the batch: export "
            "the model in inference mode."
        )
    if not _take(node, "spatial", 1):
        raise FormatError(
            f"{_where(node)} has the attribute 'spatial' 0, statistics for every pixel, which "
            "operator sets from 9 on do not know: export the model with a newer operator set."
        )
    del node.output[1:]
    nodes.append(node)


def _group_norm(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    """Before 21 scale and shift were per group: an instance norm of groups."""
    x, result = node.input[0], node.output[0]
    groups = int(_take(node, "num_groups", 1))
    shape = _emit(nodes, node, "Shape", [x], "shape")
    target = _constant(nodes, node, "target", [0, groups, -1], np.int64)
    node.input[0] = _emit(nodes, node, "Reshape", [x, target], "groups")
    node.op_type, node.output[0] = "InstanceNormalization", f"{result}//rows"
    nodes.append(node)
    _close(nodes, "Reshape", [node.output[0], shape], result, node.name)


def _upsample(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    """Upsample is the Resize of operator set 10."""
    scales = _take(node, "scales")
    if scales is not None:
        node.input.append(_constant(nodes, node, "scales", scales, np.float32))
    _resize_10(node, nodes)


def _resize(node: NodeProto, version: int, nodes: list[NodeProto]) -> None:
    """10 had one rule of coordinates, 11 and 12 one that was taken out again."""
    if version == 10:
        _resize_10(node, nodes)
        return
    rule = _take(node, "coordinate_transformation_mode", "half_pixel")
    if rule == "tf_half_pixel_for_nn":
        rounding = _take(node, "nearest_mode", "round_prefer_floor")
        same = {"floor": "round_prefer_ceil", "round_prefer_floor": "ceil"}.get(rounding)
        if _take(node, "mode", "nearest") != "nearest" or same is None:
            raise FormatError(
                f"{_where(node)} has the coordinates 'tf_half_pixel_for_nn' with another mode than "
                "nearest, rounded down: export the model with a newer operator set."
            )
        _give(node, mode="nearest", nearest_mode=same)
        rule = "half_pixel"
    _give(node, coordinate_transformation_mode=rule)
    nodes.append(node)


def _resize_10(node: NodeProto, nodes: list[NodeProto]) -> None:
    """Nearest neighbours were rounded down along axes that grow, up along those that shrink."""
    x, scales = node.input
    rule = {"mode": _take(node, "mode", "nearest"), "coordinate_transformation_mode": "asymmetric"}
    node.op_type = "Resize"
    _give(node, **rule)
    if rule["mode"] == "nearest":
        one = _constant(nodes, node, "one", [1.0], np.float32)
        grown = _emit(nodes, node, "Max", [scales, one], "grown")
        scales = _emit(nodes, node, "Min", [scales, one], "shrunk")
        x = _emit(nodes, node, "Resize", [x, "", grown], "larger", nearest_mode="floor", **rule)
        _give(node, nearest_mode="ceil")
    node.input[:] = [x, "", scales]
    nodes.append(node)


def _grid_sample(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    mode = _take(node, "mode", "bilinear")
    _give(node, mode={"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode))
    nodes.append(node)


def _roi_align(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    """Before 16 the pixels were not shifted by a half."""
    _give(node, coordinate_transformation_mode="output_half_pixel")
    nodes.append(node)


def _scatter(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    node.op_type = "ScatterElements"
    nodes.append(node)


def _dft(node: NodeProto, _: int, nodes: list[NodeProto]) -> None:
    axis = _constant(nodes, node, "axis", _take(node, "axis", 1), np.int64)
    node.input[:] = [*[*node.input, ""][:2], axis]
    nodes.append(node)


_REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare"
_ADAPTERS: dict[str, Adapter] = {
    "BatchNormalization": _batch_norm,
    "Clip": _moving("min", "max", dtype=np.float32),
    "DFT": _dft,
    "Dropout": _dropout,
    "GridSample": _grid_sample,
    "GroupNormalization": _group_norm,
    "Pad": _pad,
    "Resize": _resize,
    "RoiAlign": _roi_align,
    "Scatter": _scatter,
    "Slice": _moving("starts", "ends", "axes"),
    "Split": _split,
    "TopK": _top_k,
    "Upsample": _upsample,
    **dict.fromkeys(("Hardmax", "LogSoftmax", "Softmax"), _softmax),
    **dict.fromkeys(("Squeeze", "Unsqueeze"), _moving("axes")),
    **{f"Reduce{kind}": _moving("axes") for kind in _REDUCTIONS.split()},
}
