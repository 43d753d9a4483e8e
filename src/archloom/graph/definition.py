"""What a node computes where the vocabulary of ``archloom.graph.OPS`` cannot say it: an ONNX
definition.

A node with a definition is *fixed*: it is executed and exported by its definition, its sizes are
stored, and mutation leaves it alone. Tensors that belong to a definition lie beside the graph like
all weights; only small constants that are part of the architecture (axes, target shapes, scalars)
are kept inside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError

OPSET = 21
"""Version of the ONNX operator set that definitions are written in."""

OWN_DOMAIN = "archloom"
"""Domain of definitions that are no ONNX operators: ``Input`` and ``Output`` (an end of the network
that is no NCHW map; the attribute ``batch`` lists its axes that grow with the batch), ``Pick``
(output number ``index`` of an operator with several).
"""


@dataclass(frozen=True)
class TensorType:
    """Element type (NumPy's name) and shape of a tensor, batch included; the batch is 1."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Operand:
    """An input that comes along the next edge into the node."""

    type: TensorType


@dataclass(frozen=True)
class Weight:
    """An input that lies in the weights under ``{node id}.{name}``.

    trained   how many numbers an optimiser trains for it, where that is not its size (-1): 0 for
              constants and what another node counts, those of the table where it was looked up
    """

    name: str
    type: TensorType
    trained: int = -1

    @property
    def parameters(self) -> int:
        """Numbers that an optimiser trains for it."""
        if self.trained >= 0:
            return self.trained
        return self.type.size if "float" in self.type.dtype else 0


@dataclass(frozen=True)
class Literal:
    """A small constant input or attribute; ``values`` are in row-major order."""

    type: TensorType
    values: tuple[float | int | bool, ...]

    def array(self) -> NDArray[Any]:
        """Return the constant as an array of its type and shape, () for a scalar."""
        return np.array(self.values, dtype=self.type.dtype).reshape(self.type.shape)


Slot = Operand | Weight | Literal | None
"""One input of an operator; None: an optional input that is left out."""

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Literal


@dataclass(frozen=True)
class Definition:
    """One ONNX operator with everything but its weights.

    op_type, domain, version   the operator; ``version`` is that of its domain's operator set
    inputs                     in the operator's order; edges meet the ``Operand`` slots in turn
    outputs                    types of its outputs; a node with several feeds ``Pick`` nodes
    attributes                 by name, in alphabetical order
    """

    op_type: str
    inputs: tuple[Slot, ...]
    outputs: tuple[TensorType, ...]
    attributes: tuple[tuple[str, Attribute], ...] = ()
    domain: str = ""
    version: int = OPSET

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The inputs that come along edges."""
        return tuple(slot for slot in self.inputs if isinstance(slot, Operand))

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The inputs that lie in the weights."""
        return tuple(slot for slot in self.inputs if isinstance(slot, Weight))

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute, ``default`` where it is not set."""
        return dict(self.attributes).get(name, default)

    @property
    def batch_axes(self) -> tuple[int, ...]:
        """Axes that grow with the batch, of an ``Input`` or ``Output``: the first, unless its
        attribute ``batch`` says otherwise.
        """
        axes: tuple[int, ...] = self.attribute("batch", (0,))
        return tuple(axis for axis in axes if axis < len(self.outputs[0].shape))

    @cached_property
    def parameters(self) -> int:
        """Number of trainable parameters among the weights; the running statistics of a batch norm
        are none.
        """
        norm = (self.domain, self.op_type) == ("", "BatchNormalization")
        trained = [one for one in self.inputs[: 3 if norm else None] if isinstance(one, Weight)]
        return sum(one.parameters for one in trained)

    @cached_property
    def digest(self) -> int:
        """64-bit content digest, a part of the hash of a graph; ``trained`` is no part of it."""
        plain = [
            replace(slot, trained=-1) if isinstance(slot, Weight) else slot for slot in self.inputs
        ]
        text = json.dumps(replace(self, inputs=tuple(plain)).to_json(), sort_keys=True)
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON values; what has its default is left out."""
        document: dict[str, Any] = {
            "op_type": self.op_type,
            "inputs": [_slot_to_json(slot) for slot in self.inputs],
            "outputs": [_type_to_json(one) for one in self.outputs],
        }
        if self.attributes:
            document["attributes"] = {
                name: _attribute_to_json(value) for name, value in self.attributes
            }
        if self.domain:
            document["domain"] = self.domain
        if self.version != OPSET:
            document["version"] = self.version
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Definition:
        """Return the definition of ``to_json``; raises ``FormatError`` for anything else."""
        unknown = sorted(set(document) - _ENTRIES)
        if unknown:
            raise FormatError(
                f"a definition has the unknown entry {unknown[0]!r}: entries are "
                f"{', '.join(sorted(_ENTRIES))}."
            )
        try:
            return cls(
                op_type=str(document["op_type"]),
                inputs=tuple(_slot_from_json(slot) for slot in document["inputs"]),
                outputs=tuple(_type_from_json(one) for one in document["outputs"]),
                attributes=tuple(
                    (name, _attribute_from_json(value))
                    for name, value in sorted(document.get("attributes", {}).items())
                ),
                domain=str(document.get("domain", "")),
                version=int(document.get("version", OPSET)),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(
                f"the definition of a node is damaged ({error!r}): get the file again."
            ) from error


_ENTRIES = {"op_type", "inputs", "outputs", "attributes", "domain", "version"}


def _type_to_json(one: TensorType) -> list[Any]:
    return [one.dtype, *one.shape]


def _type_from_json(entry: list[Any]) -> TensorType:
    dtype, *shape = entry
    return TensorType(str(dtype), tuple(int(size) for size in shape))


def _slot_to_json(slot: Slot) -> Any:
    match slot:
        case Operand(type=one):
            return {"operand": _type_to_json(one)}
        case Weight(name=name, type=one):
            document = {"weight": name, "type": _type_to_json(one)}
            return {**document, "trained": slot.trained} if slot.trained >= 0 else document
        case Literal():
            return _literal_to_json(slot)
    return None


def _slot_from_json(entry: Any) -> Slot:
    if entry is None:
        return None
    if "operand" in entry:
        return Operand(_type_from_json(entry["operand"]))
    if "weight" in entry:
        trained = int(entry.get("trained", -1))
        return Weight(str(entry["weight"]), _type_from_json(entry["type"]), trained)
    return _literal_from_json(entry)


def _literal_to_json(literal: Literal) -> dict[str, Any]:
    values = [_number_to_json(value) for value in literal.values]
    return {"values": values, "type": _type_to_json(literal.type)}


def _literal_from_json(entry: Mapping[str, Any]) -> Literal:
    one = _type_from_json(entry["type"])
    values = tuple(
        float(value) if isinstance(value, str) or "float" in one.dtype else value
        for value in entry["values"]
    )
    if len(values) != one.size or not all(
        isinstance(value, bool | int | float) for value in values
    ):
        raise ValueError(f"{len(values)} values for the shape {list(one.shape)}")
    return Literal(one, values)


def _number_to_json(value: float | int | bool) -> Any:
    """Return ``value``, as a text where JSON has no number for it (inf, nan)."""
    return value if math.isfinite(value) else repr(value)


def _attribute_to_json(value: Attribute) -> Any:
    if isinstance(value, Literal):
        return _literal_to_json(value)
    if isinstance(value, tuple):
        return [_scalar_to_json(one) for one in value]
    return _scalar_to_json(value)


def _scalar_to_json(value: float | int | str) -> Any:
    """Return a scalar so that it comes back with its type: a float that JSON cannot hold is tagged,
    texts and whole numbers stay as they are.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _attribute_from_json(value: Any) -> Attribute:
    if isinstance(value, dict) and "values" in value:
        return _literal_from_json(value)
    if isinstance(value, list):
        return tuple(_scalar_from_json(one) for one in value)
    scalar: Attribute = _scalar_from_json(value)
    return scalar


def _scalar_from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return float(value["float"])
    if not isinstance(value, int | float | str):
        raise ValueError(f"attribute value {value!r}")
    return value
