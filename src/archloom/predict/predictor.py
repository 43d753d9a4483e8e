"""The interface of all predictors, and what all that are made of a network share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.errors import FormatError
from archloom.graph import Graph
from archloom.predict.card import (
    Card,
    digest_of,
    load_weights,
    read_predictor,
    unreadable,
    write_predictor,
)
from archloom.predict.range import Place

Given = TypeVar("Given", contravariant=True)


@runtime_checkable
class Predictor(Protocol[Given]):
    """Predicts a figure of networks, which it is given as graphs or as strings of a family."""

    card: Card

    def predict(self, networks: Sequence[Given], /) -> NDArray[np.float64]:
        """Return (N,) one prediction per network, in input order and in units of the target."""

    def places(self, networks: Sequence[Given], /) -> list[Place | None]:
        """Return where each network lies in the range of the training networks, None if that is not
        known.
        """

    @property
    def digest(self) -> str:
        """16 hex digits over all that a prediction depends on."""

    def save(self, path: str | Path) -> None:
        """Write weights and card to ``path`` (safetensors) and the card beside it, atomically."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote; raises ``DataError`` or ``FormatError``."""


class NetworkPredictor:
    """A predictor made of a network and a card. A kind says how its card becomes a network, and
    which published files it knows.
    """

    kind: ClassVar[str]
    """Its name in ``archloom.predict.kinds``, in its card and in the name of its folder."""
    unused: ClassVar[tuple[str, ...]] = ()
    """What the names of tensors begin with that nothing computes with (of published files)."""

    network: nn.Module

    def __init__(self, network: nn.Module, card: Card) -> None:
        self.network, self.card = network, card

    @classmethod
    def build(cls, card: Card) -> nn.Module:
        """Return the network that a card describes, its weights still to be set; raises
        ``KeyError``, ``TypeError`` or ``ValueError`` for a card that this version cannot follow.
        """
        raise NotImplementedError

    @classmethod
    def published(cls, tensors: Mapping[str, Tensor]) -> Card | None:
        """Return the card of a file that was published without one, None for any other file."""
        return None

    @property
    def digest(self) -> str:
        """16 hex digits over the weights."""
        return digest_of(*(one.numpy() for _, one in sorted(self.network.state_dict().items())))

    def places(self, graphs: Sequence[Graph], /) -> list[Place | None]:
        """Return where each graph lies in this predictor's range, None if that is not known."""
        known = self.card.range
        return [None] * len(graphs) if known is None else list(known.places(graphs))

    def __repr__(self) -> str:
        size = sum(one.numel() for one in self.network.parameters())
        return f"<{type(self).__name__}: {size:,} parameters>"

    def note(self, **changes: Any) -> None:
        """Change fields of the card, for example ``metrics`` after a test."""
        self.card = replace(self.card, **changes)

    def save(self, path: str | Path) -> None:
        """Write weights and card to ``path`` (safetensors) and the card beside it, atomically."""
        write_predictor(path, self.network, self.card)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote, or a published file; raises ``DataError``, ``FormatError``."""
        return restored(path, *read_predictor(path), [cls])

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], card: Card) -> Self:
        """Return the predictor of this kind that a file holds; raises ``KeyError``, ``TypeError``
        or ``ValueError``.
        """
        network = cls.build(card)
        load_weights(network, tensors, cls.unused)
        return cls(network.eval(), card)


Kind = TypeVar("Kind", bound=NetworkPredictor)


def restored(
    path: str | Path, tensors: Mapping[str, Tensor], card: Card | None, kinds: Iterable[type[Kind]]
) -> Kind:
    """Return the predictor that a file holds, which must be of one of these kinds; raises
    ``FormatError``.
    """
    names = []
    for kind in kinds:
        found = card or kind.published(tensors)
        if found is not None and found.kind == kind.kind:
            try:
                return kind.restore(tensors, found)
            except (KeyError, TypeError, ValueError, RuntimeError) as error:
                raise unreadable(path, error) from error
        names.append(kind.kind)
    if card is None:
        raise unreadable(path, "it has no card, and its tensors are of no published file")
    raise FormatError(
        f"{path} holds a {card.kind} predictor, {' or '.join(names)} was asked for: give such a "
        "file; archloom.predict.load_predictor reads every kind."
    )
