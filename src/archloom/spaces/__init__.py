"""Architecture families: from a compact architecture string to a graph.

One module a family, with the same names in each. It must not import ``io`` or ``torch``.
"""

from __future__ import annotations

from archloom.spaces import (
    hiaml,
    inception,
    nb101,
    nb201,
    nb301,
    nb_macro,
    ofa_resnet,
    two_path,
)
from archloom.spaces.common import VARIANTS, Skeleton, Space, Variant, architecture_of
from archloom.spaces.ofa_mobile import OFA_MBV3, OFA_MBV3_W10, OFA_PN

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
}
"""The families by name."""

__all__ = ["FAMILIES", "VARIANTS", "Skeleton", "Space", "Variant", "architecture_of"]
