"""What a user takes away: every winner and the input as JSON, ONNX and trained weights."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archloom.errors import ArchloomError
from archloom.graph import Graph
from archloom.io import write

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artefact:
    """Files of one network, relative to the result folder; "" where there is none.

    trained : whether the ONNX model holds trained weights (random ones otherwise)
    note    : why a file is missing
    """

    json: str
    onnx: str = ""
    weights: str = ""
    trained: bool = False
    note: str = ""


def write_artefacts(
    graph: Graph, name: str, folder: Path, weights_folders: Sequence[Path]
) -> Artefact:
    """Write ``networks/{name}.*`` below ``folder``.

    The weights are those of the first training of this graph in ``weights_folders``. A graph that
    ONNX cannot express keeps its JSON, the reason is noted, nothing else fails.
    """
    stem = folder / "networks" / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    write(graph, stem.with_suffix(".json"))
    found = find_weights(graph, weights_folders)
    weights = ""
    if found is not None:
        weights = f"networks/{name}.safetensors"
        shutil.copyfile(found, folder / weights)
    try:
        _write_onnx(graph, stem.with_suffix(".onnx"), found)
    except ArchloomError as error:
        logger.warning("no ONNX file of %s: %s", name, error)
        return Artefact(f"networks/{name}.json", "", weights, found is not None, str(error))
    onnx = f"networks/{name}.onnx"
    return Artefact(f"networks/{name}.json", onnx, weights, found is not None)


def find_weights(graph: Graph, folders: Sequence[Path]) -> Path | None:
    """Return the first file of weights named after the graph's hash, None without any."""
    files = (path for folder in folders for path in sorted(folder.glob(f"{graph.hash}*")))
    return next((path for path in files if path.suffix == ".safetensors"), None)


def _write_onnx(graph: Graph, path: Path, weights: Path | None) -> None:
    if weights is None:
        write(graph, path)
        return
    from safetensors.numpy import load_file

    write(graph, path, weights=load_file(weights))
