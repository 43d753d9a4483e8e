"""Open a predictor file of any kind."""

from __future__ import annotations

from pathlib import Path

from archloom.predict.card import read_predictor
from archloom.predict.gnn.predictor import GNN
from archloom.predict.psc.instances import Segmenter
from archloom.predict.psc.predictor import PSC


def load_predictor(path: str | Path, *, segment: Segmenter | None = None) -> GNN | PSC:
    """Read a predictor of ours, or a published AutoGO checkpoint (safetensors or npz).

    segment : how a PSC predictor cuts graphs, for example ``Tokeniser(vocabulary).segment``

    Raises ``DataError`` for a missing file and ``FormatError`` for a truncated or foreign one.
    """
    network, card = read_predictor(path)
    if card.kind == "gnn":
        return GNN(network, card)
    return PSC(network, card, segment=segment)
