"""A network as files for a person: graph, model, weights with a card, and what was changed.

The one place where a report or a command hands a network over.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archloom.drawing.graphs import draw_changes
from archloom.graph import Graph
from archloom.io import write

if TYPE_CHECKING:
    from torch import Tensor


def write_network(
    graph: Graph,
    stem: Path,
    weights: Mapping[str, Tensor] | None = None,
    facts: Mapping[str, Any] | None = None,
    *,
    parent: Graph | None = None,
) -> None:
    """Write the files of one network, whose names begin with ``stem``.

    weights : by node id; they go into the ONNX file, which holds untrained ones without, and into
              STEM.weights.safetensors, whose card says ``facts`` of them
    parent  : what the network was made of; then STEM_changes.svg shows what is other

    STEM.onnx is written last. Raises ``GraphError`` where ONNX cannot express the graph; the other
    files are there then.
    """
    if weights is not None:
        from archloom.io.weights import write_weights

        write_weights(_beside(stem, ".weights.safetensors"), weights, graph, facts)
    write(graph, _beside(stem, ".json"))
    if parent is not None:
        draw_changes(parent, graph, _beside(stem, "_changes.svg"))
    write(graph, _beside(stem, ".onnx"), weights)


def _beside(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)
