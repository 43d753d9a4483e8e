"""What a user takes away: every winner and the input as JSON, ONNX and weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from archloom.errors import GraphError
from archloom.graph import Graph
from archloom.report.networks import write_network
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

    def of(
        self, graph: Graph
    ) -> tuple[Mapping[str, Tensor] | None, Mapping[str, Any] | None, float | None]:
        """Return the weights of ``graph``, what is said of them, and the share of its parameters
        that was inherited (None where the network was trained, or has no weights).
        """
        file = _trained(graph, self.trained)
        if file is not None:
            from archloom.io.weights import read_weights

            tensors, card = read_weights(file, graph)
            return tensors, card.get("facts"), None
        if self.inherited is None:
            return None, None, None
        taken = transfer(self.inherited, graph)
        return taken.weights, {"coverage": taken.coverage}, taken.coverage


def write_artefacts(graph: Graph, name: str, folder: Path, weights: Weights) -> Artefact:
    """Write ``networks/{name}.*`` below ``folder``.

    The weights are those of the first training of this graph, with what their card says, else the
    inherited ones as far as they fit. A graph that ONNX cannot express keeps its other files and
    the reason is noted. Raises ``FormatError`` for damaged weights.
    """
    stem = f"networks/{name}"
    tensors, facts, coverage = weights.of(graph)
    file = "" if tensors is None else f"{stem}.weights.safetensors"
    onnx, note = f"{stem}.onnx", ""
    try:
        write_network(graph, folder / stem, tensors, facts)
    except GraphError as error:
        logger.warning("no ONNX file of %s: %s", name, error)
        onnx, note = "", str(error)
    return Artefact(f"{stem}.json", onnx, file, note, coverage)


def _trained(graph: Graph, files: Sequence[Path]) -> Path | None:
    """Return the first file whose card says that it holds weights of ``graph``."""
    if not files:
        return None
    from archloom.io.weights import read_card

    return next((path for path in files if read_card(path)["graph"] == graph.hash), None)
