"""Files of AutoBuild's predictor on graphs of operators: safetensors with a card inside and, to
read, beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from archloom.errors import FormatError
from archloom.predict.card import (
    RANGE,
    code_version,
    load_weights,
    range_tensors,
    read_range,
    read_tensors,
    write_tensors,
)
from archloom.predict.operators.network import OperatorNetwork, OperatorShape
from archloom.predict.range import TrainingRange
from archloom.views.operators import OPERATORS

FORMAT = "archloom-operator-predictor/1"


@dataclass(frozen=True)
class OperatorCard:
    """What a predictor on graphs of operators says of itself.

    target    : what it predicts, in words or as the expression that its labels are values of
    what      : one sentence for people
    shape     : what its network is made of
    training  : training settings
    metrics   : measured on test networks, in natural units
    operators : those that occur in the training networks
    vocabulary: operator of every index that the network was made for
    range     : the training networks as far as it takes to judge others; None: not known
    """

    target: str
    what: str = ""
    shape: OperatorShape = OperatorShape()
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    operators: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = OPERATORS
    code_version: str = field(default_factory=code_version)
    range: TrainingRange | None = None

    def to_json(self) -> str:
        """Return the card as JSON; of the range only its limit, its graphs lie with the tensors."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        content["shape"] = vars(self.shape)
        content["range"] = None if self.range is None else {"limit": self.range.limit}
        return json.dumps({"format": FORMAT, **content}, indent=1)

    @classmethod
    def from_json(cls, text: str, tensors: Mapping[str, Tensor]) -> OperatorCard:
        """Read what ``to_json`` wrote; raises ``ValueError``, ``TypeError`` or ``KeyError``.

        tensors : those that were written with it, of which the range takes its graphs
        """
        content = json.loads(text)
        if content.pop("format") != FORMAT:
            raise ValueError("the card is of another format")
        content["shape"] = OperatorShape(**content["shape"])
        content["operators"] = tuple(content["operators"])
        content["vocabulary"] = tuple(content["vocabulary"])
        if content["range"]:
            content["range"] = read_range(float(content["range"]["limit"]), tensors)
        if content["vocabulary"] != OPERATORS:
            raise ValueError("the operators differ from this version's")
        return cls(**content)


def write_operator_predictor(
    path: str | Path, network: OperatorNetwork, card: OperatorCard
) -> None:
    """Write weights and card to ``path`` and the card again beside it, each file atomically."""
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    write_tensors(path, tensors | range_tensors(card.range), card.to_json())


def read_operator_predictor(path: str | Path) -> tuple[OperatorNetwork, OperatorCard]:
    """Read what ``write_operator_predictor`` wrote; the network is in evaluation mode.

    Raises ``DataError`` for a missing file and ``FormatError`` for a truncated or foreign one.
    """
    tensors, metadata = read_tensors(Path(path))
    try:
        card = OperatorCard.from_json(metadata["card"], tensors)
        network = OperatorNetwork(card.shape)
        load_weights(network, tensors, RANGE)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path} is no predictor on graphs of operators that this version reads ({error}): "
            "give a file that archloom train-operators wrote."
        ) from error
    return network.eval(), card
