"""What a user takes away: every winner and the input as JSON, ONNX and trained weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.io import write

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artefact:
    """Files of one network, relative to the result folder; "" where there is none.

    weights : trained weights; the ONNX model holds them too, or random ones where there are none
    note    : why there is no ONNX file
    """

    json: str
    onnx: str = ""
    weights: str = ""
    note: str = ""


def write_artefacts(
    graph: Graph, name: str, folder: Path, weights_folders: Sequence[Path]
) -> Artefact:
    """Write ``networks/{name}.*`` below ``folder``.

    The weights are those of the first training of this graph in ``weights_folders``, with their
    card. A graph that ONNX cannot express keeps its JSON and the reason is noted. Raises
    ``FormatError`` for damaged weights.
    """
    stem = f"networks/{name}"
    write(graph, folder / f"{stem}.json")
    tensors, weights = None, ""
    found = find_weights(graph, weights_folders)
    if found is not None:
        weights = f"{stem}.weights.safetensors"
        tensors = _copy_weights(graph, found, folder / weights)
    try:
        write(graph, folder / f"{stem}.onnx", weights=tensors)
    except GraphError as error:
        logger.warning("no ONNX file of %s: %s", name, error)
        return Artefact(f"{stem}.json", "", weights, str(error))
    return Artefact(f"{stem}.json", f"{stem}.onnx", weights)


def find_weights(graph: Graph, folders: Sequence[Path]) -> Path | None:
    """Return the first file, by name, whose card says that it holds weights of ``graph``."""
    if not folders:
        return None
    from archloom.io.weights import read_card

    files = [path for folder in folders for path in sorted(folder.rglob("*.safetensors"))]
    return next((path for path in files if read_card(path)["graph"] == graph.hash), None)


def _copy_weights(graph: Graph, source: Path, target: Path) -> Mapping[str, Tensor]:
    """Write checked weights and their card to ``target``; return the tensors."""
    from archloom.io.weights import read_weights, write_weights

    tensors, card = read_weights(source, graph)
    write_weights(target, tensors, graph, card.get("facts"))
    return tensors
