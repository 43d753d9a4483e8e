"""Architecture families: from a compact architecture string to a graph."""

from __future__ import annotations

from archloom.spaces import hiaml, inception, nb101, nb201, nb301, nb_macro, two_path
from archloom.spaces.common import VARIANTS, Skeleton, Variant, architecture_of

FAMILIES = {
    "nb201": nb201,
    "hiaml": hiaml,
    "two_path": two_path,
    "nb101": nb101,
    "inception": inception,
    "nb301": nb301,
    "nb_macro": nb_macro,
}
"""The families by name."""

__all__ = ["FAMILIES", "VARIANTS", "Skeleton", "Variant", "architecture_of"]
