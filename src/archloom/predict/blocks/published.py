"""Files of AutoBuild's predictor: safetensors with a card inside and, to read, beside it.

The eight predictors published with AutoBuild are read as they are (AutoBuild spec 2.5).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from archloom.errors import FormatError
from archloom.predict.blocks.network import BlockNetwork, BlockShape
from archloom.predict.card import check_tensor, code_version, read_tensors, write_tensors

FORMAT = "archloom-block-predictor/1"
_UNUSED = ("test_metrics", "encoder.init_ff.weight", "encoder.init_ff.bias")
"""Tensors of the published files that nothing computes with."""


@dataclass(frozen=True)
class BlockCard:
    """What a predictor of block networks says of itself.

    family   : family of the networks
    target   : expression over metrics that it predicts; "" where the file does not say
    what     : one sentence for people
    shape    : what its network is made of
    training : training settings
    moments  : whether the moments that unit scores need were measured
    metrics  : measured on test networks, in natural units
    """

    family: str
    target: str
    what: str = ""
    shape: BlockShape = BlockShape()
    training: Mapping[str, Any] = field(default_factory=dict)
    moments: bool = True
    metrics: Mapping[str, Any] = field(default_factory=dict)
    code_version: str = field(default_factory=code_version)

    def to_json(self) -> str:
        """Return the card as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> BlockCard:
        """Read what ``to_json`` wrote; raises ``ValueError``, ``TypeError`` or ``KeyError``."""
        content = json.loads(text)
        if content.pop("format") != FORMAT:
            raise ValueError("the card is of another format")
        content["shape"] = BlockShape(**content["shape"])
        return cls(**content)


def write_block_predictor(path: str | Path, network: BlockNetwork, card: BlockCard) -> None:
    """Write weights and card to ``path`` and the card again beside it, each file atomically."""
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    write_tensors(path, tensors, card.to_json())


def read_block_predictor(path: str | Path) -> tuple[BlockNetwork, BlockCard]:
    """Read a predictor of ours or a published one; the network is in evaluation mode.

    Raises ``DataError`` for a missing file and ``FormatError`` for a truncated or foreign one.
    """
    tensors, metadata = read_tensors(Path(path))
    try:
        text = metadata.get("card")
        card = BlockCard.from_json(text) if text else _published_card(tensors)
        network = BlockNetwork(card.shape)
        wanted = network.state_dict()
        own = {name: one for name, one in tensors.items() if name not in _UNUSED}
        for name in wanted.keys() | own.keys():
            check_tensor(name, own.get(name), wanted.get(name))
        network.load_state_dict(own)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path} is no predictor of block networks that this version reads ({error}): give a "
            "file that archloom rank-units wrote, or one published with AutoBuild."
        ) from error
    return network.eval(), card


def _published_card(tensors: Mapping[str, Tensor]) -> BlockCard:
    """Return the card of a published predictor, whose family shows in its units' sizes."""
    slots = tensors["embed_layer.moment_tsr"].shape[1]
    return BlockCard(
        family={4: "ofa_mbv3", 5: "ofa_pn"}[slots],
        target="",
        what="a predictor published with AutoBuild",
        shape=BlockShape("graphconv", 128, "sum", "leaky_relu", slots),
        moments=False,
        code_version="AutoBuild (CVPR 2024)",
    )
