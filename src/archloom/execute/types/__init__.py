"""Types of what operators compute, at little cost: by closed forms, without PyTorch.

A closed form speaks of the ordinary case alone (floats, constant targets, shapes that fit); for all
else it says None, and the operator's own function tells, run without data, or refuses. What a form
says has to be what that function gives.
"""

from __future__ import annotations

from functools import lru_cache

from archloom.execute.types import elementwise, reducing, shaping, windows  # noqa: F401  they enter
from archloom.execute.types.table import FORMS
from archloom.graph.definition import Definition, Literal, Slot, TensorType


@lru_cache(maxsize=1 << 14)
def output_types(definition: Definition) -> tuple[TensorType, ...] | None:
    """Return the types of the outputs of ``definition`` (of which it needs to have the number
    right), None where they depend on data or nothing is known of the operator.

    Raises ``GraphError`` when the operator refuses its inputs.
    """
    found = closed_form(definition)
    if found is not None:
        return found
    from archloom.execute.operators import executed_types

    return executed_types(definition)


def closed_form(definition: Definition) -> tuple[TensorType, ...] | None:
    """Return the types by closed forms, None where the definition is not ordinary."""
    form = None if definition.domain else FORMS.get(definition.op_type)
    if form is None or any(_is_empty(slot, at) for at, slot in enumerate(definition.inputs)):
        return None
    found = form(definition, *(slot and slot.type for slot in definition.inputs))
    return found if found is None or len(found) == len(definition.outputs) else None


def _is_empty(slot: Slot, position: int) -> bool:
    """Return whether an input has no elements; behind the first one that may be an option that is
    left out.
    """
    is_option = position > 0 and isinstance(slot, Literal)
    return slot is not None and not is_option and slot.type.size == 0
