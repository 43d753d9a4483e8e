"""What all sections share: their base class, and types of values that several have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FamilyName = Literal[
    "nb201",
    "hiaml",
    "two_path",
    "nb101",
    "inception",
    "nb301",
    "nb_macro",
    "ofa_mbv3",
    "ofa_mbv3_w10",
    "ofa_pn",
    "ofa_resnet",
]
Fraction = Annotated[float, Field(ge=0, le=1)]
Limit = Annotated[
    str, Field(pattern=r"^\s*[A-Za-z_]\w*\s*[<>]=?\s*[-+]?[\d.]+(e[-+]?\d+)?\s*%?\s*$")
]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values cannot be changed after loading."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, use_attribute_docstrings=True
    )
