"""ONNX operators as PyTorch functions: differentiable, for any batch size and device.

What they compute is that of the operator set ``definition.OPSET``. A standard operator that has no
function here runs by ONNX's reference evaluator; one of a foreign domain does not run. Importers
ask here for the types of outputs: it must not import ``io``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from archloom.errors import GraphError
from archloom.execute.operators import (  # noqa: F401  they enter their operators into the table
    attention,
    elementwise,
    fallback,
    recurrent,
    reducing,
    resize,
    shaping,
    windows,
)
from archloom.execute.operators.table import (
    ATTRIBUTES,
    IDLE,
    OPERATORS,
    UNUSUAL,
    Operator,
    Result,
)
from archloom.graph.definition import Definition, TensorType

Inputs = Sequence[Tensor | None]
Function = Callable[[Inputs], Result]
"""Takes one tensor per slot of the definition, None where an optional input is left out."""


def function_of(definition: Definition, where: str) -> Function:
    """Return what executes ``definition``; raises ``GraphError`` (speaking of ``where``) when
    nothing can.
    """
    operator = _operator_of(definition)
    if operator is None and fallback.is_standard(definition):
        operator = fallback.evaluate
    if operator is None:
        raise GraphError(
            f"{where} cannot be executed: archloom has no implementation of the operator "
            f"{definition.op_type!r}{f' of {definition.domain!r}' if definition.domain else ''}; "
            "the graph can still be drawn and written as ONNX."
        )
    return lambda inputs: operator(definition, *inputs)


def _operator_of(definition: Definition) -> Operator | None:
    """Return the PyTorch function for ``definition``, None where there is none."""
    if not definition.domain:
        _check_attributes(definition)
        unusual = UNUSUAL.get(definition.op_type)
        if unusual is not None and unusual(definition):
            return None
    return OPERATORS.get((definition.domain, definition.op_type))


def _check_attributes(definition: Definition) -> None:
    """Raise ``GraphError`` for an attribute that the function of a standard operator ignores."""
    known = ATTRIBUTES.get(definition.op_type)
    if known is None:
        return
    for name, value in definition.attributes:
        if name in known or name in IDLE[definition.op_type]:
            continue
        if value != fallback.default_of(definition, name):
            raise GraphError(
                f"the attribute {name!r} of {definition.op_type} is {value!r}, which is not "
                "implemented: export the model without it."
            )


def executed_types(definition: Definition) -> tuple[TensorType, ...] | None:
    """Return the types of the outputs of ``definition`` (of which it needs to have the number
    right) as its function gives them, run without data; None where they depend on data or nothing
    is known of the operator.

    Raises ``GraphError`` when the operator refuses its inputs.
    """
    operator = _operator_of(definition)
    if operator is None:
        return fallback.inferred(definition) if fallback.is_standard(definition) else None
    inputs = [None if slot is None else _without_data(slot.type) for slot in definition.inputs]
    try:
        found = operator(definition, *inputs)
    except GraphError:
        raise
    except NotImplementedError:
        return None
    except (RuntimeError, ValueError, IndexError, TypeError, KeyError, OverflowError) as error:
        raise GraphError(
            f"{definition.op_type} cannot take inputs of the shapes "
            f"{[list(slot.type.shape) for slot in definition.inputs if slot is not None]} "
            f"({error}): check its attributes, and give the input shape that the model was "
            "exported for."
        ) from error
    results = found if isinstance(found, tuple) else (found,)
    return tuple(_type_of(one) for one in results)


def _without_data(one: TensorType) -> Tensor:
    return torch.empty(one.shape, dtype=getattr(torch, one.dtype), device="meta")


def _type_of(value: Tensor) -> TensorType:
    return TensorType(str(value.dtype).removeprefix("torch."), tuple(value.shape))
