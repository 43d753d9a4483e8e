"""Opening of ONNX files: a checked protobuf in the operator set that archloom works with.

External tensors are read from the folder of the model alone. Functions of the model are put in
place of their calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np

from archloom.errors import DataError, FormatError
from archloom.files import reading
from archloom.io.importing.onnx.functions import check_functions
from archloom.io.importing.onnx.operator_sets import adapt

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, TensorProto


def load(content: bytes, folder: Path) -> ModelProto:
    """Return the model in ``content`` with all tensors inline, its nodes in operator set ``OPSET``.

    External tensors are looked for in ``folder``. Raises ``FormatError`` for what is no complete
    ONNX file, a node that ``OPSET`` cannot express or an external tensor outside of ``folder``,
    ``DataError`` for files that are not there.
    """
    model = _complete(content, folder)
    adapt(model)
    return model


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
