"""ONNX operators as PyTorch functions, for fixed nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from archloom.errors import GraphError
from archloom.graph.definition import OWN_DOMAIN, Definition

Inputs = Sequence[Tensor | None]
Function = Callable[[Inputs], Tensor | tuple[Tensor, ...]]
"""Takes one tensor per slot of the definition, None where an optional input is left out."""


def function_of(definition: Definition, where: str) -> Function:
    """Return what executes ``definition``; raises ``GraphError`` (speaking of ``where``) when
    nothing can.
    """
    name = (definition.domain, definition.op_type)
    if name in _BUILDERS:
        return _BUILDERS[name](definition)
    raise GraphError(
        f"{where} cannot be executed: archloom has no implementation of the operator "
        f"{definition.op_type!r}{f' of {definition.domain!r}' if definition.domain else ''}; the "
        "graph can still be drawn and written as ONNX."
    )


def _same(_: Definition) -> Function:
    return lambda inputs: _given(inputs[0])


def _given(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


def _pick(definition: Definition) -> Function:
    index = int(definition.attribute("index"))
    return lambda inputs: _given(inputs[0])[index]


def _relu(_: Definition) -> Function:
    return lambda inputs: torch.relu(_given(inputs[0]))


def _sub(_: Definition) -> Function:
    return lambda inputs: _given(inputs[0]) - _given(inputs[1])


_BUILDERS: dict[tuple[str, str], Callable[[Definition], Function]] = {
    (OWN_DOMAIN, "Pick"): _pick,
    ("", "Identity"): _same,
    ("", "Relu"): _relu,
    ("", "Sub"): _sub,
}
