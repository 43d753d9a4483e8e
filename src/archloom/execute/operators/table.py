"""The table of ONNX operators that are PyTorch functions, and how they read their definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from archloom.graph.definition import Definition, Literal

Result = Tensor | tuple[Tensor, ...]
Operator = Callable[..., Result]
"""Takes the definition and one tensor per slot (None: left out); returns the output, or a tuple
where the definition has several.
"""

OPERATORS: dict[tuple[str, str], Operator] = {}
"""By domain and operator."""

ATTRIBUTES: dict[str, frozenset[str]] = {}
"""By standard operator: the attributes that its function implements; another one is refused, unless
it is in ``IDLE`` or has its default.
"""

IDLE: dict[str, frozenset[str]] = {}
"""By standard operator: attributes that change nothing here, since they follow from the inputs or
are about training, precision or element types that archloom does not compute with.
"""

DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    4: torch.uint16,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    12: torch.uint32,
    13: torch.uint64,
    16: torch.bfloat16,
}
"""PyTorch's types by ONNX's element type."""

_ELEMENT_TYPES = {dtype: number for number, dtype in DTYPES.items()}


UNUSUAL: dict[str, Callable[[Definition], bool]] = {}
"""By operator: whether a definition uses what its function leaves to ONNX's reference."""


def operator(
    *names: str,
    attributes: str = "",
    idle: str = "",
    domain: str = "",
    unless: Callable[[Definition], bool] | None = None,
) -> Callable[[Operator], Operator]:
    """Enter the decorated function into the table under ``names``, with the ``attributes`` that it
    implements and those that are ``idle`` (names in a row), for all definitions but those that
    ``unless`` names.
    """

    def enter(function: Operator) -> Operator:
        for name in names:
            OPERATORS[domain, name] = function
            if not domain:
                ATTRIBUTES[name] = frozenset(attributes.split())
                IDLE[name] = frozenset(idle.split())
            if unless is not None:
                UNUSUAL[name] = unless
        return function

    return enter


def pointwise(table: dict[str, Callable[..., Tensor]]) -> None:
    """Enter functions of tensors alone, which read no attributes."""
    for name, function in table.items():
        operator(name)(_without_definition(function))


def _without_definition(function: Callable[..., Tensor]) -> Operator:
    return lambda _, *inputs: function(*inputs)


def numbers(definition: Definition, slot: int, value: Tensor | None) -> list[Any]:
    """Return the elements of input ``slot``, any shape, as a flat list in row-major order; a
    literal is read without ``value``, which costs no transfer from a device.
    """
    inputs = definition.inputs
    given = inputs[slot] if slot < len(inputs) else None
    if isinstance(given, Literal):
        return list(given.values)
    return [] if value is None else list(value.flatten().tolist())


def onnx_type(dtype: torch.dtype) -> int:
    """Return ONNX's number of an element type."""
    return _ELEMENT_TYPES[dtype]


def is_given(definition: Definition, slot: int) -> bool:
    """Return whether the optional input ``slot`` is there."""
    return slot < len(definition.inputs) and definition.inputs[slot] is not None
