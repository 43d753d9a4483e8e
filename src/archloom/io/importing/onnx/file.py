"""Opening of ONNX files: a checked protobuf in the operator set that archloom works with.

External tensors are read from the folder of the model alone. Functions of the model are put in
place of their calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np

from archloom.errors import DataError, FormatError
from archloom.files import reading
from archloom.graph.definition import OPSET
from archloom.io.importing.onnx.functions import check_functions

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

_OLDEST = 7
_KEPT = 1024  # elements of the largest tensor that conversion to another operator set sees


def load(content: bytes, folder: Path) -> ModelProto:
    """Return the model in ``content`` with all tensors inline, converted to operator set ``OPSET``.

    External tensors are looked for in ``folder``. Raises ``FormatError`` for what is no complete
    ONNX file, an operator set that cannot be converted or an external tensor outside of ``folder``,
    ``DataError`` for files that are not there.
    """
    return _converted(_complete(content, folder))


def _complete(content: bytes, folder: Path) -> ModelProto:
    """Return the model in ``content`` with all tensors inline and without functions."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx.inliner import inline_local_functions

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, ValueError) as error:
        raise FormatError(
            f"this is no complete ONNX file ({error}): it is truncated, damaged or of another "
            "kind, get it again."
        ) from error
    if not model.HasField("graph") or not model.graph.node or not model.graph.output:
        raise FormatError("this holds no ONNX graph: it is empty or truncated, get it again.")
    if not model.opset_import:
        raise FormatError("the model states no operator set: it is damaged, export it again.")
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _take_external(tensor, folder)
    model.ir_version = max(model.ir_version, 10)
    if model.functions:
        check_functions(model)
        model = inline_local_functions(model)
    for domain in model.opset_import:
        if domain.domain == "ai.onnx":
            domain.domain = ""
    return model


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Yield all tensors of a graph, those of branches and attributes included."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from _attribute_tensors(attribute)


def _attribute_tensors(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    if attribute.HasField("g"):
        yield from _tensors(attribute.g)
    for graph in attribute.graphs:
        yield from _tensors(graph)


def _take_external(tensor: TensorProto, folder: Path) -> None:
    """Read the data of an external tensor into the tensor."""
    import onnx

    entries = {entry.key: entry.value for entry in tensor.external_data}
    path = _inside(entries.get("location", ""), folder, tensor.name)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"tensor {tensor.name!r} has a damaged reference to external data ({error}): export "
            "the model again."
        ) from error
    wanted = itemsize * int(np.prod(tensor.dims, dtype=object))
    if not path.is_file():
        raise DataError(
            f"tensor {tensor.name!r} lies in {path}, which is not there: put the file beside the "
            "model, under that name."
        )
    available = path.stat().st_size - offset
    if offset < 0 or length not in (-1, wanted) or wanted > available:
        raise FormatError(
            f"tensor {tensor.name!r} of shape {list(tensor.dims)} takes {wanted:,} bytes, {path} "
            f"has {max(available, 0):,} from {offset} on and the model states {length:,}: the "
            "files do not belong together, get both again."
        )
    with reading(path), path.open("rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(wanted)
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def _inside(location: str, folder: Path, name: str) -> Path:
    """Return the path of external data; raises ``FormatError`` when it leaves ``folder``."""
    parts = (*PurePosixPath(location).parts, *PureWindowsPath(location).parts)
    absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).drive
    path = folder / location
    safe = location and "\0" not in location and not absolute and ".." not in parts
    if not safe or not path.resolve().is_relative_to(folder.resolve()):
        raise FormatError(
            f"tensor {name!r} refers to external data in {location!r}, which is not inside the "
            "folder of the model: such a file is not opened, put the data beside the model."
        )
    return path


# --- operator sets -------------------------------------------------------------------------------


def _converted(model: ModelProto) -> ModelProto:
    """Return ``model`` in the operator set ``OPSET``."""
    version = next((one.version for one in model.opset_import if not one.domain), OPSET)
    if version < _OLDEST:
        raise FormatError(
            f"the model uses ONNX operator set {version}, read are {_OLDEST} and later: export the "
            "model again."
        )
    if version > OPSET:
        _check_newer(model.graph, version)
        return model
    if version == OPSET or all(_is_unchanged(node, version, OPSET) for node in _nodes(model.graph)):
        return model
    return _upgraded(model)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield the nodes of standard operators, those of branches included."""
    for node in graph.node:
        if node.domain in ("", "ai.onnx"):
            yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _is_unchanged(node: NodeProto, one: int, other: int) -> bool:
    """Return whether a node means the same in two operator sets: what only one of them has, it does
    not use. Element types may have been added.
    """
    import onnx

    try:
        schemas = [onnx.defs.get_schema(node.op_type, version) for version in (one, other)]
    except onnx.defs.SchemaError:
        return False
    if schemas[0].since_version == schemas[1].since_version:
        return True
    used = {attribute.name for attribute in node.attribute}
    first, second = (_attributes(schema) for schema in schemas)
    same = all(
        first.get(name) == second.get(name) for name in used | (first.keys() & second.keys())
    )
    ends = all(
        _options(a)[: len(found)] == _options(b)[: len(found)]
        for a, b, found in (
            (schemas[0].inputs, schemas[1].inputs, node.input),
            (schemas[0].outputs, schemas[1].outputs, node.output),
        )
    )
    return same and ends and min(one, other) >= _REDEFINED.get(node.op_type, 0)


_REDEFINED = {
    "Softmax": 13,
    "LogSoftmax": 13,
    "Hardmax": 13,
    "Resize": 11,
    "GroupNormalization": 21,
}
"""Operators whose meaning changed while their attributes and inputs look the same, and the operator
set since which it is what it is now.
"""


def _attributes(schema: Any) -> dict[str, tuple[Any, ...]]:
    return {
        key: (one.type, one.required, str(one.default_value))
        for key, one in schema.attributes.items()
    }


def _options(parameters: Any) -> list[Any]:
    return [one.option for one in parameters]


def _check_newer(graph: GraphProto, version: int) -> None:
    """Raise ``FormatError`` for an operator that means something else in a newer operator set."""
    for node in _nodes(graph):
        if not _is_unchanged(node, version, OPSET):
            raise FormatError(
                f"node {node.name or node.output[0]!r} ({node.op_type}) is written in operator set "
                f"{version} of ONNX, where it is not what it is in {OPSET}: export the model with "
                f"operator set {OPSET}."
            )


def _upgraded(model: ModelProto) -> ModelProto:
    """Return an older ``model`` converted; large tensors are set aside meanwhile."""
    import onnx
    from onnx import helper, version_converter

    light = onnx.ModelProto()
    light.CopyFrom(model)
    large = [one for one in model.graph.initializer if np.prod(one.dims, dtype=object) > _KEPT]
    names = {one.name for one in large}
    kept = [one for one in model.graph.initializer if one.name not in names]
    del light.graph.initializer[:]
    light.graph.initializer.extend(kept)
    known = {one.name for one in light.graph.input}
    light.graph.input.extend(
        helper.make_tensor_value_info(one.name, one.data_type, one.dims)
        for one in large
        if one.name not in known
    )
    try:
        result = version_converter.convert_version(onnx.shape_inference.infer_shapes(light), OPSET)
    except Exception as error:  # the converter raises whatever C++ gave it
        raise FormatError(
            f"the model cannot be brought to ONNX operator set {OPSET} ({_first_line(error)}): "
            "export the model with a newer operator set."
        ) from error
    inputs = [one for one in result.graph.input if one.name not in names]
    del result.graph.input[:]
    result.graph.input.extend(inputs)
    result.graph.initializer.extend(large)
    return result


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
