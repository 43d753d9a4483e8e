"""Reading and writing of graphs: ``read`` recognises a file by its content, ``write`` by the name's
ending.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archloom.errors import FormatError
from archloom.files import naming, read_json, reading, write_text
from archloom.graph import Graph, check
from archloom.io.kinds import is_graph_def, is_onnx
from archloom.io.native import FORMAT, from_native, to_native_text
from archloom.io.reference.cg_json import (
    CG_SCHEMA,
    from_cg_json,
    from_state_dict,
    to_cg_json,
    to_state_dict,
)
from archloom.io.reference.families import (
    LabelledGraph,
    family_from_json,
    is_family,
    read_encoder,
    read_pickle,
)

if TYPE_CHECKING:
    from archloom.io.importing.model import Model
    from archloom.io.importing.onnx.inputs import InputShape
    from archloom.io.store import GraphStore

__all__ = [
    "LabelledGraph",
    "read",
    "read_encoder",
    "read_graph",
    "read_model",
    "read_pickle",
    "write",
]

_READABLE = (
    f"graph JSON ({FORMAT}, {CG_SCHEMA}, the reference's state-dict or family file), a Parquet "
    "graph store (archloom-store/2), a pickle of the reference (.pkl), an ONNX model, or a frozen "
    "TensorFlow graph (.pb)"
)
_ENDINGS = ".json, .cg.json, .state.json, .parquet, .onnx or .svg"
_BLANK = b"\xef\xbb\xbf \t\r\n"


def read(path: str | Path) -> Graph | GraphStore | Iterator[LabelledGraph]:
    """Return what the file at ``path`` holds: a graph, a store, or a stream of graphs with
    accuracies.

    The content decides, not the name: graph JSON and reference pickles give a ``Graph``, a Parquet
    store gives a ``GraphStore``, family files and pickled family caches give ``LabelledGraph`` one
    by one; an ONNX model and a frozen TensorFlow graph give their ``Graph`` (and their weights by
    ``read_model``). Graphs from files other than a store are validated. Raises ``FormatError`` for
    what cannot be read, ``GraphError`` for a broken graph, ``DataError`` where there is no such
    file.
    """
    with reading(path), Path(path).open("rb") as file:
        start = file.read(64)
    ending = Path(path).suffix.lower()
    if start.startswith(b"PAR1"):
        from archloom.io.store import GraphStore

        return GraphStore(path)
    if is_onnx(path, start) or is_graph_def(path, start):
        return read_model(path).graph
    if start.lstrip(_BLANK).startswith(b"{"):
        return _from_document(path, read_json(path))
    if start.startswith(b"\x80") or ending in (".pkl", ".pickle"):
        return read_pickle(path)
    what = "is empty" if not start else "is of no kind that archloom knows"
    raise FormatError(f"{path} {what}. What can be read: {_READABLE}.")


def read_model(path: str | Path, input_shape: InputShape | None = None) -> Model:
    """Return the network at ``path`` with its weights; see ``importing.model.read_model``."""
    from archloom.io.importing import model

    return model.read_model(path, input_shape)


def read_graph(path: str | Path) -> Graph:
    """Return the one graph at ``path``; raises ``FormatError`` when the file holds many (and see
    ``read``).
    """
    found = read(path)
    if not isinstance(found, Graph):
        raise FormatError(
            f"{path} holds many graphs where one is wanted: choose one with read(path), and write "
            "it to a file."
        )
    return found


def write(
    graphs: Graph | Iterable[Graph],
    path: str | Path,
    weights: Mapping[str, Any] | None = None,
    *,
    verify: bool = True,
) -> None:
    """Write a graph, or several into a store, to ``path``; its ending chooses the format.

    ``.json`` archloom's own, ``.cg.json`` autogo-cg/1, ``.state.json`` the reference's state-dict,
    ``.parquet`` a graph store (the only one for several graphs), ``.onnx`` a model with ``weights``
    (random ones where None), ``.svg`` a drawing. The file is replaced as a whole or not at all; an
    ONNX file is run once before, ``verify=False`` leaves that out (see ``onnx_export.write_onnx``).
    Raises ``FormatError`` for an unknown ending or a graph that the format cannot express,
    ``DataError`` when the place is not writable.
    """
    name = Path(path).name.lower()
    if weights is not None and not name.endswith(".onnx"):
        raise FormatError(
            f"{path}: weights travel inside .onnx files only, keep them beside the graph as "
            ".safetensors otherwise."
        )
    if name.endswith(".parquet"):
        from archloom.io.store import write_store

        write_store([graphs] if isinstance(graphs, Graph) else graphs, path)
        return
    if not isinstance(graphs, Graph):
        raise FormatError(
            f"{path} can hold one graph only: write several to a .parquet graph store."
        )
    if name.endswith(".onnx"):
        from archloom.io.onnx_export import write_onnx

        write_onnx(graphs, path, weights, verify=verify)
        return
    with naming(path):
        text = _as_text(graphs, name)
    write_text(path, text)


def _as_text(graph: Graph, name: str) -> str:
    """Return the content of the text file ``name``."""
    if name.endswith(".cg.json"):
        return json.dumps(to_cg_json(graph)) + "\n"
    if name.endswith(".state.json"):
        return json.dumps(to_state_dict(graph)) + "\n"
    if name.endswith(".json"):
        return to_native_text(graph)
    if name.endswith(".svg"):
        from archloom.drawing.graphs import draw

        return draw(graph)
    raise FormatError(f"the ending names no known format: use {_ENDINGS}.")


def _from_document(
    path: str | Path, document: Mapping[str, Any]
) -> Graph | Iterator[LabelledGraph]:
    """Return what a JSON document of any known schema holds."""
    kind = document.get("format", document.get("schema"))
    with naming(path):
        if isinstance(kind, str) and kind.startswith("archloom-graph/"):
            graph = from_native(document)
            check(graph, network=False)  # segments are written too
        elif kind == CG_SCHEMA:
            graph = from_cg_json(document)
            check(graph)
        elif "weighted_nodes" in document:
            graph = from_state_dict(document)
            check(graph)
        elif kind is None and is_family(document):
            return family_from_json(path, document)
        else:
            what = f"the format {kind!r}" if kind is not None else "no format entry"
            raise FormatError(
                f"this JSON has {what}, which is no graph that archloom knows. What can be read: "
                f"{_READABLE}."
            )
    return graph
