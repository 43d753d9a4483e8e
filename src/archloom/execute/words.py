"""Attributes of operators that are one of some words."""

from __future__ import annotations

from archloom.errors import GraphError
from archloom.graph.definition import Definition


def word(definition: Definition, name: str, *words: str) -> str:
    """Return an attribute that is one of ``words``, the first where it is not set; raises
    ``GraphError`` for another word.
    """
    found = str(definition.attribute(name, words[0]))
    if found not in words:
        raise GraphError(
            f"the attribute {name!r} of {definition.op_type} is {found!r}, which is not "
            f"implemented: known are {', '.join(words)}."
        )
    return found
