"""A network as a list of ONNX operations: what every importer hands to ``model.to_model``.

Operators have the meaning that the ONNX operator set ``definition.OPSET`` gives them, maps are
NCHW. Values (tensors) are known by unique names; types of values between operations need not be
given, they are inferred. A model that was written for another batch size keeps it in ``batch``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.graph.definition import Attribute, TensorType

InputShape = tuple[int, ...] | Mapping[str, tuple[int, ...]]
"""Sizes of the input, batch included; of several inputs by name."""


@dataclass(frozen=True)
class Body:
    """A branch of an ``If``: it sees the values around it, ``outputs`` are its results."""

    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One operator.

    inputs, outputs   names of values; "" where an optional one is left out
    attributes        as ``Definition`` keeps them (tuples instead of lists)
    name              how messages speak of the operation, such as the node's name in the file
    version           of the operator set of a foreign domain
    """

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute | Body] = field(default_factory=dict)
    domain: str = ""
    name: str = ""
    version: int = 0


@dataclass(frozen=True)
class Network:
    """Operations in an order in which they can be executed, with their constants.

    inputs      name and type of what is fed in, in order; the first dimension is the batch, 1
    outputs     names of the results, in order
    constants   weights and all other tensors that are known
    types       types that the source states, batch 1; needed for operators that archloom does not
                know
    batch       batch size that constants (the targets of Reshape) were written for
    notes       what the reader of the model has to be told
    """

    operations: tuple[Operation, ...]
    inputs: Mapping[str, TensorType]
    outputs: tuple[str, ...]
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    name: str = ""
    types: Mapping[str, TensorType] = field(default_factory=dict)
    batch: int = 1
    notes: tuple[str, ...] = ()


def as_stored(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """Return attributes as an ONNX file holds them: floats in single precision."""

    def stored(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(stored, value))
        return float(np.float32(value)) if isinstance(value, float) else value

    return {name: stored(value) for name, value in attributes.items()}
