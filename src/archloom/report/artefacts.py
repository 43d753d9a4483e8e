"""What a user takes away: every winner and the input as JSON, ONNX and weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.io import write
from archloom.search.graphs.transfer import transfer

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artefact:
    """Files of one network, relative to the result folder; "" where there is none.

    weights  : the weights that the ONNX model holds; "" where they are random
    note     : why there is no ONNX file
    coverage : share of the parameters whose weights the input came with; None where the network
               was trained or the weights are random
    """

    json: str
    onnx: str = ""
    weights: str = ""
    note: str = ""
    coverage: float | None = None


@dataclass(frozen=True, eq=False)
class Weights:
    """Where weights come from.

    trained   : files of trained networks, by name
    inherited : tensors that the input came with, by node id; None where there are none
    """

    trained: Sequence[Path] = ()
    inherited: Mapping[str, Tensor] | None = None

    @classmethod
    def find(cls, folders: Sequence[Path], graph: Graph, inherited: Path | None = None) -> Self:
        """Look for trained weights in ``folders`` and for those of the input ``graph`` in
        ``inherited``. Raises ``FormatError`` for damaged ones.
        """
        trained = [path for folder in folders for path in sorted(folder.rglob("*.safetensors"))]
        found = sorted(inherited.glob("*.safetensors")) if inherited else []
        if not found:
            return cls(trained)
        from archloom.io.weights import read_weights

        return cls(trained, read_weights(found[0], graph)[0])


def write_artefacts(graph: Graph, name: str, folder: Path, weights: Weights) -> Artefact:
    """Write ``networks/{name}.*`` below ``folder``.

    The weights are those of the first training of this graph, with their card, else the inherited
    ones as far as they fit. A graph that ONNX cannot express keeps its JSON and the reason is
    noted. Raises ``FormatError`` for damaged weights.
    """
    stem = f"networks/{name}"
    write(graph, folder / f"{stem}.json")
    tensors, file, coverage = None, "", None
    found = _trained(graph, weights.trained)
    if found is not None:
        file = f"{stem}.weights.safetensors"
        tensors = _copy_weights(graph, found, folder / file)
    elif weights.inherited is not None:
        file = f"{stem}.weights.safetensors"
        taken = transfer(weights.inherited, graph)
        tensors, coverage = taken.weights, taken.coverage
        _write_weights(folder / file, tensors, graph, {"coverage": coverage})
    try:
        write(graph, folder / f"{stem}.onnx", weights=tensors)
    except GraphError as error:
        logger.warning("no ONNX file of %s: %s", name, error)
        return Artefact(f"{stem}.json", "", file, str(error), coverage)
    return Artefact(f"{stem}.json", f"{stem}.onnx", file, "", coverage)


def _trained(graph: Graph, files: Sequence[Path]) -> Path | None:
    """Return the first file whose card says that it holds weights of ``graph``."""
    if not files:
        return None
    from archloom.io.weights import read_card

    return next((path for path in files if read_card(path)["graph"] == graph.hash), None)


def _copy_weights(graph: Graph, source: Path, target: Path) -> Mapping[str, Tensor]:
    """Write checked weights and their card to ``target``; return the tensors."""
    from archloom.io.weights import read_weights

    tensors, card = read_weights(source, graph)
    _write_weights(target, tensors, graph, card.get("facts"))
    return tensors


def _write_weights(
    path: Path, tensors: Mapping[str, Tensor], graph: Graph, facts: Mapping[str, Any] | None
) -> None:
    from archloom.io.weights import write_weights

    write_weights(path, tensors, graph, facts)
