"""A network as a list of ONNX operations: what every importer hands to ``model.to_model``.

Operators have the meaning that the ONNX operator set ``definition.OPSET`` gives them, maps are
NCHW. Values (tensors) are known by unique names; types of values between operations need not be
given, they are inferred. A model that was written for another batch size keeps it in ``batch``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.graph.definition import Attribute, TensorType

InputShape = Sequence[int] | Mapping[str, Sequence[int]]
"""Sizes of the input, batch included; of several inputs by name."""

AS_STATED = "no axis of an input was taken for a batch: the sizes are those that were stated."
"""Note of a network that is not read for any batch."""


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
    version           of the operator set of a foreign domain, or of an operator that ``OPSET``
                      does not have yet; 0 for all others
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

    inputs      name and type of what is fed in, in order, at a batch of 1
    outputs     names of the results, in order
    constants   weights and all other tensors that are known
    types       types that the source states, batch 1; needed for operators that archloom does not
                know
    batch       size to which the source fixes the batch, 0 where it is open; constants (the targets
                of Reshape) were written for it
    batch_axes  axes of the inputs that are the batch, None: the input has none; 0 where not named
    literal     inputs with the sizes that the source states, where it is not sure that one of them
                is the batch: the network is read with these if it is not the same for every example
    trained     by constant: the parameters behind it with their sizes, none for what no optimiser
                trains; of one that is not named its size is taken
    notes       what the reader of the model has to be told
    """

    operations: tuple[Operation, ...]
    inputs: Mapping[str, TensorType]
    outputs: tuple[str, ...]
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    name: str = ""
    types: Mapping[str, TensorType] = field(default_factory=dict)
    batch: int = 0
    batch_axes: Mapping[str, int | None] = field(default_factory=dict)
    literal: Mapping[str, TensorType] | None = None
    trained: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def as_stored(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """Return attributes as an ONNX file holds them: floats in single precision."""

    def stored(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(stored, value))
        return float(np.float32(value)) if isinstance(value, float) else value

    return {name: stored(value) for name, value in attributes.items()}
