"""The one table of kinds of predictors, and the opening of a file of any of them.

A kind is a folder beside this file, which bears its name. The table names classes without
importing them: whoever lists the kinds that it takes depends on these alone
(``archloom.workflow.digest`` follows imports), so that a new kind makes no rule run again. Without
a list any kind may come, which is for the command line and for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

from archloom.graph import Graph
from archloom.predict.card import Card, read_predictor, unreadable
from archloom.predict.predictor import NetworkPredictor, restored


class Entry(NamedTuple):
    """A kind: the module and class of its predictor, what it is in words, and whether it scores the
    graphs of a search (then it is a choice of ``predictor.kind`` and of ``--kind``).
    """

    module: str
    name: str
    words: str
    scores_graphs: bool = False

    def load(self) -> type[NetworkPredictor]:
        """Import the class."""
        found: type[NetworkPredictor] = getattr(import_module(self.module), self.name)
        return found


_HERE = "archloom.predict"
KINDS: dict[str, Entry] = {
    "psc": Entry(f"{_HERE}.psc.predictor", "PSC", "PSC (predecessor, segment, successor)", True),
    "gnn": Entry(f"{_HERE}.gnn.predictor", "GNN", "GNN (whole graph)", True),
    "blocks": Entry(f"{_HERE}.blocks.predictor", "BlockPredictor", "block networks"),
    "operators": Entry(f"{_HERE}.operators.predictor", "OperatorPredictor", "graphs of operators"),
}
"""All kinds by name."""

Kind = TypeVar("Kind", bound=NetworkPredictor)
Other = TypeVar("Other", bound=NetworkPredictor)


@overload
def load_predictor(
    path: str | Path,
    *,
    kinds: tuple[type[Kind], type[Other]],
    segment: Callable[[Graph], Any] | None = None,
) -> Kind | Other: ...
@overload
def load_predictor(
    path: str | Path, *, kinds: Sequence[type[Kind]], segment: Callable[[Graph], Any] | None = None
) -> Kind: ...
@overload
def load_predictor(path: str | Path, *, segment: Callable[[Graph], Any] | None = None) -> Any: ...
def load_predictor(
    path: str | Path,
    *,
    kinds: Sequence[type[NetworkPredictor]] | None = None,
    segment: Callable[[Graph], Any] | None = None,
) -> Any:
    """Read a predictor of ours, of this version or an older one, or one published with AutoGO
    (safetensors or npz) or AutoBuild.

    kinds   : classes that are taken, such as (GNN, PSC); default: those of the whole table
    segment : how a PSC predictor cuts graphs, for example ``Tokeniser(vocabulary).segment``; other
              kinds do not need it

    Raises ``DataError`` for a missing file and ``FormatError`` for a truncated or foreign one, and
    for a kind that is not taken.
    """
    tensors, card = read_predictor(path)
    if card is not None and kinds is None and card.kind not in KINDS:
        raise unreadable(path, f"it is of kind {card.kind!r}, known are {', '.join(KINDS)}")
    predictor = restored(path, tensors, card, kinds or _classes(card))
    if segment is not None and hasattr(predictor, "segment"):
        predictor.segment = segment
    return predictor


def _classes(card: Card | None) -> Iterator[type[NetworkPredictor]]:
    """Yield the kind of a card; without one all kinds, each imported when the one before is not
    it.
    """
    for entry in [KINDS[card.kind]] if card else KINDS.values():
        yield entry.load()
