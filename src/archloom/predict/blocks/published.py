"""The eight predictors published with AutoBuild, read as they are (AutoBuild spec 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from torch import Tensor

from archloom.predict.blocks.network import BlockShape
from archloom.predict.card import Card

UNUSED = ("test_metrics", "encoder.init_ff.")
"""What the names of tensors of the published files begin with that nothing computes with."""
_FAMILIES = {4: "ofa_mbv3", 5: "ofa_pn"}
"""By the largest number of blocks of a unit."""


def published_card(kind: str, tensors: Mapping[str, Tensor]) -> Card | None:
    """Return the card of a published predictor, whose family shows in S, the most blocks of a
    unit, of its moments (5, S, 2); None for any other file.
    """
    moments = tensors.get("embed_layer.moment_tsr")
    if moments is None or moments.dim() != 3 or moments.shape[1] not in _FAMILIES:
        return None
    slots = moments.shape[1]
    return Card(
        kind,
        what="a predictor published with AutoBuild",
        shape=asdict(BlockShape("graphconv", 128, "sum", "leaky_relu", slots)),
        seen={"family": _FAMILIES[slots], "moments": False},
        code_version="AutoBuild (CVPR 2024)",
    )
