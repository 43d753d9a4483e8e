"""What the stages work on: values, as far as they are known, and the steps between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from archloom.graph.definition import Attribute, Literal, TensorType


@dataclass(frozen=True)
class Value:
    """What is known of a tensor.

    type      element type and shape at batch 1
    wide      shape at the second batch size, None where the network cannot have that
    data      the tensor at batch 1 when it depends on constants and shapes alone
    wide_data the same at the second batch size where that differs
    origin    name in the model of the constant that it is, as it was there
    trained   of a constant: the parameters behind it with their sizes, None where that is not known
    outer     rows of the axis that grows with the batch which stand outside of it: 6 where an axis
              of 6 N is 6 rows of N; 0 where that is not known
    """

    type: TensorType
    wide: tuple[int, ...] | None
    data: NDArray[Any] | None = None
    wide_data: NDArray[Any] | None = None
    origin: str = ""
    trained: Mapping[str, int] | None = None
    outer: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape at batch 1."""
        return self.type.shape

    @property
    def is_constant(self) -> bool:
        """Whether the tensor is the same for every input and batch."""
        return self.data is not None and self.wide_data is None


@dataclass(eq=False)
class Step:
    """An operation whose inputs and outputs are in ``Values.of``."""

    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    domain: str = ""
    name: str = ""
    version: int = 0

    @property
    def where(self) -> str:
        """How messages speak of the step."""
        return f"node {self.name or self.outputs[0]!r} ({self.op_type})"


def constant_value(
    data: NDArray[Any], origin: str = "", trained: Mapping[str, int] | None = None
) -> Value:
    """Return the value of a constant."""
    return Value(type_of(data), tuple(data.shape), data, origin=origin, trained=trained)


def type_of(data: NDArray[Any]) -> TensorType:
    """Return type and shape of a tensor."""
    return TensorType(data.dtype.name, data.shape)


def literal_of(data: NDArray[Any]) -> Literal:
    """Return a tensor as a literal."""
    return Literal(type_of(data), tuple(data.flatten().tolist()))


def is_float(data: NDArray[Any]) -> bool:
    """Return whether the elements are floats of any width."""
    return "float" in data.dtype.name
