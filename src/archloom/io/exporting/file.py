"""Writer of ONNX files: one ONNX node per graph node, so that the file reads like the graph.

Node and tensor names are ``{op}_{node id}``, inputs and outputs are called as in the model that the
graph was read from. Batch norms stay nodes, pads are written out from the stored sizes, the batch
size is free where that model does not fix it. The output equals that of ``to_torch`` in evaluation
mode. A fixed node is written as its definition.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from archloom.errors import GraphError
from archloom.files import replacing
from archloom.graph import Graph
from archloom.graph.definition import OWN_DOMAIN
from archloom.io.exporting.check import compare
from archloom.io.exporting.nodes import OPSET, Writer
from archloom.io.importing.names import COUNTED
from archloom.io.importing.onnx.operator_sets import is_unchanged

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor

LARGEST_INLINE = 2**31 - 2**24
"""Bytes of weights that fit into one protobuf beside the nodes."""

_SMALLEST_EXTERNAL = 1024
_ALIGNMENT = 4096  # of external tensors, so that readers can map them


def write_onnx(
    graph: Graph,
    path: str | Path,
    weights: Mapping[str, Tensor] | None = None,
    *,
    verify: bool = True,
) -> None:
    """Write ``graph`` with ``weights`` to ``path``, atomically; see ``to_onnx``.

    Weights that are too large for one protobuf lie beside it, in ``{path}.data``. ``verify`` runs
    the file once in ONNX Runtime, on random inputs, before it replaces anything: it has to compute
    what ``to_torch`` computes (operators of foreign domains run nowhere here, a graph with one is
    not compared). Raises ``GraphError`` where it does not.
    """
    target, arrays = Path(path), _arrays(graph, weights)
    write = _write_inline if _size(arrays) <= LARGEST_INLINE else _write_external
    opsets = operator_sets(graph, arrays)
    for opset in (opsets[0], opsets[-1]) if verify else opsets[:1]:
        try:
            write(graph, target, arrays, opset, verify)
            return
        except GraphError:  # runtimes have faults in one operator set that they lack in another
            if opset == opsets[-1] or not verify:
                raise


def _write_inline(
    graph: Graph, target: Path, arrays: dict[str, NDArray[Any]], opset: int, verify: bool
) -> None:
    with replacing(target) as temporary:
        model = _model(graph, arrays, opset)
        _check(graph, model)
        temporary.write_bytes(model.SerializeToString())
        if verify:
            compare(graph, arrays, temporary, model.graph.input)


def _write_external(
    graph: Graph, target: Path, arrays: dict[str, NDArray[Any]], opset: int, verify: bool
) -> None:
    data = target.with_name(f"{target.name}.data")
    with replacing(target) as temporary, _folder_beside(target) as folder:
        draft = folder / target.name
        with (folder / data.name).open("wb") as file:
            model = _model(graph, arrays, opset, _External(file, data.name))
        draft.write_bytes(model.SerializeToString())
        _check(graph, str(draft))
        if verify:
            compare(graph, arrays, draft, model.graph.input)
        os.replace(folder / data.name, data)
        os.replace(draft, temporary)


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Yield a folder that is gone afterwards, on the disk of ``target``."""
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        yield Path(folder)


def _check(graph: Graph, model: ModelProto | str) -> None:
    """Raise ``GraphError`` for a model that ONNX's checker refuses."""
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise GraphError(
            f"graph {graph.name!r} cannot be written as ONNX, whose checker says: "
            f"{str(error).strip().splitlines()[0]}. Replace the node that it names."
        ) from error


def to_onnx(
    graph: Graph, weights: Mapping[str, Tensor] | None = None, opset: int | None = None
) -> ModelProto:
    """Return ``graph`` as a checked ONNX model; without ``weights`` those of ``to_torch`` (seed 0).

    Inputs and outputs are (batch, C, H, W), outputs of 1x1 maps (batch, C). Raises ``GraphError``
    for a node that cannot be executed, for weights of another graph or too large for one protobuf,
    and for an opset below 17.
    """
    arrays = _arrays(graph, weights)
    if _size(arrays) > LARGEST_INLINE:
        raise GraphError(
            f"the weights of graph {graph.name!r} have {_size(arrays):,} bytes, one protobuf holds "
            f"{LARGEST_INLINE:,}: write them with write_onnx, which puts them beside the file."
        )
    known = operator_sets(graph, arrays)
    if opset is not None and opset not in known:
        raise GraphError(
            f"opset {opset} cannot be written: all nodes of this graph mean the same in "
            f"{', '.join(map(str, sorted(known)))} alone."
        )
    model = _model(graph, arrays, opset or known[0])
    _check(graph, model)
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
    opset: int,
    store: Callable[[NDArray[Any], str], Any] | None = None,
) -> ModelProto:
    """Return the model; ``store`` makes the protobufs of its tensors."""
    from onnx import helper, numpy_helper

    writer = Writer(graph, arrays)
    writer.write_all()
    foreign = {one.domain: one.version for one in graph.definitions if one.domain}
    foreign.pop(OWN_DOMAIN, None)
    opsets = {"": opset, **foreign}
    model = helper.make_model(
        writer.proto(store or numpy_helper.from_array),
        opset_imports=[helper.make_opsetid(*one) for one in opsets.items()],
        producer_name="archloom",
        producer_version=_version(),
    )
    model.ir_version = 10 if graph.definitions else 8
    facts = {"archloom.graph": graph.hash, "archloom.family": graph.family}
    facts |= {f"{COUNTED}{name}": str(number) for name, number in writer.trained.items()}
    helper.set_model_props(model, facts)
    return model


def operator_sets(graph: Graph, arrays: Mapping[str, NDArray[Any]]) -> list[int]:
    """Return the operator sets from ``OPSET`` on in which all standard nodes of ``graph`` mean what
    they are written to mean: that of its fixed nodes first, then from the newest to the oldest.

    Raises ``GraphError`` where there is none.
    """
    from onnx.defs import onnx_opset_version

    writer = Writer(graph, arrays)
    writer.write_all()
    kinds = {
        (node.op_type, version, *(one.name for one in node.attribute), len(node.input)): node
        for node, version in zip(writer.nodes, writer.versions, strict=True)
        if not node.domain
    }
    own = max((version for _, version, *_ in kinds), default=OPSET)
    fits = [
        one
        for one in range(onnx_opset_version(), OPSET - 1, -1)
        if all(is_unchanged(node, kind[1], one) for kind, node in kinds.items())
    ]
    if not fits:
        raise GraphError(
            f"graph {graph.name!r} cannot be written as ONNX: no operator set from {OPSET} on has "
            "all of its nodes as they are."
        )
    return sorted(fits, key=lambda one: (one != own, -one))


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
