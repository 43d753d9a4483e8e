"""Architecture families: from a compact architecture string to a graph.

One module a family (two spaces of one benchmark share a folder), with the same names in each. It
must not import ``io`` or ``torch``.
"""

from __future__ import annotations

from collections.abc import Callable

from archloom.spaces import (
    enas,
    hiaml,
    inception,
    mnasnet,
    naap,
    nb101,
    nb201,
    nb301,
    nb_macro,
    ofa_resnet,
    two_path,
)
from archloom.spaces.common import VARIANTS, Skeleton, Space, Variant, architecture_of
from archloom.spaces.ofa_mobile import OFA_MBV3, OFA_MBV3_W10, OFA_PN
from archloom.spaces.tnb101 import macro as tnb101_macro
from archloom.spaces.tnb101 import micro as tnb101_micro

FAMILIES: dict[str, Space] = {
    "nb201": nb201,
    "hiaml": hiaml,
    "two_path": two_path,
    "nb101": nb101,
    "inception": inception,
    "nb301": nb301,
    "nb_macro": nb_macro,
    "ofa_mbv3": OFA_MBV3,
    "ofa_mbv3_w10": OFA_MBV3_W10,
    "ofa_pn": OFA_PN,
    "ofa_resnet": ofa_resnet,
    "tnb101_micro": tnb101_micro,
    "tnb101_macro": tnb101_macro,
    "mnasnet": mnasnet,
    "naap": naap,
    "enas": enas,
}
"""The families by name."""

CELL_CLASSES: dict[str, Callable[[str], str]] = {
    "nb201": nb201.cell_class,
    "tnb101_micro": tnb101_micro.cell_class,
}
"""Families with different graphs that compute the same: what a cell computes, as a name."""


_CLASSES = CELL_CLASSES | {
    "nb101": nb101.cell_class,
    "nb301": nb301.cell_class,
    "nb_macro": nb_macro.canonical,
}


def function_class(family: str, architecture: str) -> str:
    """Return a name of what an architecture computes: equal for twins, different strings of one
    function. In families without known twins it is the architecture.

    Raises ``GraphError`` for a string of a family with twins that is not in its space.
    """
    return _CLASSES.get(family, str)(architecture)


__all__ = [
    "CELL_CLASSES",
    "FAMILIES",
    "VARIANTS",
    "Skeleton",
    "Space",
    "Variant",
    "architecture_of",
    "function_class",
]
