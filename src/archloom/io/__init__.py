"""Reading and writing of graphs: ``read`` recognises a file by its content, ``write`` by the name's
ending.

A file does not know what its graph is for: it must not import ``data``, ``views`` or ``train``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archloom.errors import ConfigError, FormatError
from archloom.files import naming, parse_json, reading, understanding, write_text
from archloom.graph import Graph, check, infer_shapes
from archloom.io.kinds import LARGEST_MODEL, MODELS, START, Kind, kind_of
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
    from torch import Tensor

    from archloom.io.importing.model import Model
    from archloom.io.importing.operations import InputShape
    from archloom.io.store import GraphStore

__all__ = [
    "LabelledGraph",
    "one_graph",
    "read",
    "read_encoder",
    "read_file",
    "read_graph",
    "read_model",
    "read_network",
    "read_pickle",
    "write",
]

_READABLE = (
    f"graph JSON ({FORMAT}, {CG_SCHEMA}, the reference's state-dict or family file), a Parquet "
    "graph store of archloom, a pickle of the reference (.pkl), an ONNX model, or a frozen "
    "TensorFlow graph (.pb)"
)
_ENDINGS = ".json, .cg.json, .state.json, .parquet, .onnx, .svg or .png"


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
    kind, content = _opened(path)
    if kind in MODELS:
        return _model(path, kind, content).graph
    return _graphs(path, kind, content)


def read_file(
    path: str | Path, input_shape: InputShape | None = None
) -> Model | Graph | GraphStore | Iterator[LabelledGraph]:
    """Return what ``read`` returns, a network with weights as ``read_model`` does.

    Raises ``ConfigError`` for an ``input_shape`` where the file leaves no sizes open.
    """
    kind, content = _opened(path)
    if kind in MODELS:
        return _model(path, kind, content, input_shape)
    if input_shape:
        raise ConfigError(
            f"input shape {input_shape}: {path} is no ONNX model or TensorFlow graph, its sizes "
            "are known: leave the option out."
        )
    return _graphs(path, kind, content)


def read_model(path: str | Path, input_shape: InputShape | None = None) -> Model:
    """Return the network in the ONNX file or frozen TensorFlow graph at ``path`` with its weights.

    ``input_shape`` gives the sizes that the file leaves open, batch included, by the name of the
    input where there are several. TensorFlow's maps become NCHW, those of inputs and outputs too.
    Raises ``FormatError`` for a file that is damaged or holds what a graph cannot, naming the
    operation, and ``DataError`` for files that are not there.
    """
    kind, content = _opened(path, unknown=Kind.ONNX)
    if kind not in MODELS:
        raise FormatError(
            f"{path} is a {kind.value}, not a model with weights: give an ONNX model or a frozen "
            "TensorFlow graph, or read it with archloom.read."
        )
    return _model(path, kind, content, input_shape)


def read_graph(path: str | Path) -> Graph:
    """Return the one graph at ``path``; raises ``FormatError`` when the file holds many (and see
    ``read``).
    """
    return one_graph(path, read(path))


def one_graph(
    path: str | Path, found: Model | Graph | GraphStore | Iterator[LabelledGraph]
) -> Graph:
    """Return the graph that ``read_file`` found at ``path``; raises ``FormatError`` for many."""
    if isinstance(found, Graph):
        return found
    if isinstance(found, Iterable):
        raise FormatError(
            f"{path} holds many graphs where one is wanted: choose one with read(path), and write "
            "it to a file."
        )
    return found.graph


def read_network(
    path: str | Path,
    weights: str | Path | None = None,
    input_shape: InputShape | None = None,
) -> tuple[Graph, Mapping[str, Tensor] | None, tuple[str, ...]]:
    """Return the one network at ``path``: its graph, its weights, and what the import has to tell.

    weights       file of weights for the graph; default: those inside a model, None for a graph
    input_shape   batch included, (N, C, H, W) for maps: what a model leaves open; a graph gets it
                  in place of its own

    Raises what ``read``, ``read_model``, ``read_weights`` and ``infer_shapes`` raise.
    """
    kind, content = _opened(path)
    if kind in MODELS:
        model = _model(path, kind, content, input_shape)
        graph, notes = model.graph, model.notes
        own = model.weights if weights is None else None
    else:
        graph, own, notes = one_graph(path, _graphs(path, kind, content)), None, ()
        graph = graph if input_shape is None else _for_input(graph, input_shape)
    if weights is not None:
        from archloom.io.weights import read_weights

        own = read_weights(weights, graph)[0]
    return graph, own, notes


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
    (random ones where None), ``.svg`` and ``.png`` a drawing. The file is replaced as a whole or
    not at all; an ONNX file is run once before, ``verify=False`` leaves that out (see
    ``exporting.file``). Raises ``FormatError`` for an unknown ending or a graph that the format
    cannot express, ``DataError`` when the place is not writable.
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
        from archloom.io.exporting.file import write_onnx

        write_onnx(graphs, path, weights, verify=verify)
        return
    if name.endswith((".svg", ".png")):
        from archloom.drawing.graphs import draw

        draw(graphs, path=path)
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
    raise FormatError(f"the ending names no known format: use {_ENDINGS}.")


# --- what a file holds ---------------------------------------------------------------------------


def _opened(path: str | Path, unknown: Kind | None = None) -> tuple[Kind, bytes]:
    """Return the kind of a file (``unknown`` for one that cannot be told) and, of models and JSON
    documents, the content: files are opened once.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"{type(path).__name__} is no path: give the path of a file as a text.")
    with reading(path), Path(path).open("rb") as file:
        start = file.read(START)
        kind = kind_of(path, start) or unknown
        if kind is None:
            what = "is empty" if not start else "is of no kind that archloom knows"
            raise FormatError(f"{path} {what}. What can be read: {_READABLE}.")
        if kind in MODELS and os.fstat(file.fileno()).st_size > LARGEST_MODEL:
            raise FormatError(
                f"{path} has more than the 2 GiB that a protobuf can have: export the model as "
                "ONNX with its tensors in external data beside it."
            )
        file.seek(0)
        return kind, file.read() if kind in (*MODELS, Kind.JSON) else b""


def _model(
    path: str | Path, kind: Kind, content: bytes, input_shape: InputShape | None = None
) -> Model:
    """Return the model in ``content``, an ONNX file or a frozen TensorFlow graph."""
    from archloom.io.importing.model import first_model, to_model

    name = Path(path).stem
    with understanding(path):
        if kind is Kind.TENSORFLOW:
            from archloom.io.importing.tensorflow.reader import networks_of_nodes, read_nodes

            return first_model(networks_of_nodes(read_nodes(content), input_shape, name=name))
        from archloom.io.importing.onnx.file import load
        from archloom.io.importing.onnx.reader import network_of

        return to_model(network_of(load(content, Path(path).parent), input_shape, name=name))


def _graphs(
    path: str | Path, kind: Kind, content: bytes
) -> Graph | GraphStore | Iterator[LabelledGraph]:
    """Return what a file holds that is no model."""
    if kind is Kind.STORE:
        from archloom.io.store import GraphStore

        return GraphStore(path)
    if kind is Kind.JSON:
        return _from_document(path, parse_json(path, content))
    return read_pickle(path)


def _for_input(graph: Graph, shape: InputShape) -> Graph:
    """Return ``graph`` for another size of its input."""
    if isinstance(shape, Mapping) or len(shape) != 4:
        raise ConfigError(
            f"input shape {shape}: graph {graph.name!r} reads maps, give batch, channels, height "
            "and width, such as 1,3,224,224."
        )
    _, channels, height, width = shape
    return infer_shapes(graph, (height, width, channels))


def _from_document(
    path: str | Path, document: Mapping[str, Any]
) -> Graph | Iterator[LabelledGraph]:
    """Return what a JSON document of any known schema holds."""
    with understanding(path, "graph", "get the file again"):
        kind = document.get("format", document.get("schema"))
        if isinstance(kind, str) and kind.startswith(f"{FORMAT.partition('/')[0]}/"):
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
