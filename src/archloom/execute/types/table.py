"""The table of closed forms, and what they share: axes, constants, common shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from archloom.graph.definition import Definition, Literal, TensorType

Types = tuple[TensorType, ...] | None
Form = Callable[..., Types]
"""Takes a definition and the types of its inputs (None: left out)."""

FORMS: dict[str, Form] = {}
"""By ONNX's name of the operator."""

FLOATS = ("float32", "float64")
MANY = 1 << 30
"""As many inputs as there are."""


KNOWN: dict[str, frozenset[str]] = {}
"""Attributes that a form knows, by operator."""


def form(
    *names: str, least: int = 1, most: int = 1, attributes: str = ""
) -> Callable[[Form], Form]:
    """Enter the decorated form into the table; a definition with fewer inputs than ``least``, more
    than ``most`` or another attribute than ``attributes`` (names in a row) is not ordinary.
    """
    known = frozenset(attributes.split())

    def enter(function: Form) -> Form:
        def guarded(d: Definition, *types: TensorType | None) -> Types:
            fits = least <= len(types) <= most and None not in types[:least]
            fits = fits and all(name in known for name, _ in d.attributes)
            return function(d, *types) if fits else None

        FORMS.update(dict.fromkeys(names, guarded))
        KNOWN.update(dict.fromkeys(names, known))
        return function

    return enter


def numbers(d: Definition, slot: int) -> list[Any] | None:
    """Return the elements of a constant input, [] where it is left out, None where it is none."""
    one = d.inputs[slot] if slot < len(d.inputs) else None
    if isinstance(one, Literal):
        return list(one.values)
    return [] if one is None else None


def floats(*types: TensorType | None) -> bool:
    """Return whether all that are given are floats of one width."""
    kinds = {one.dtype for one in types if one is not None}
    return len(kinds) == 1 and kinds <= set(FLOATS)


def axis_of(axis: int, rank: int) -> int | None:
    """Return ``axis`` counted from the front, None where there is no such axis."""
    return axis % rank if -rank <= axis < rank else None


def axes_of(axes: Sequence[int], rank: int) -> list[int] | None:
    """Return different axes counted from the front, None where there are no such axes."""
    found = [axis % rank for axis in axes if -rank <= axis < rank]
    return found if len(set(found)) == len(axes) else None


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the common shape, None where there is none."""
    rank, sizes = max(map(len, shapes)), []
    for axis in range(-rank, 0):
        there = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(there) > 1:
            return None
        sizes.append(there.pop() if there else 1)
    return tuple(sizes)


def joined(dtype: str, *types: TensorType) -> Types:
    """Return the type of elements of ``types``, None where their shapes do not fit."""
    shape = broadcast(*(one.shape for one in types))
    return None if shape is None else (TensorType(dtype, shape),)


def without(shape: tuple[int, ...], axes: Sequence[int], *, keep: bool) -> tuple[int, ...]:
    """Return ``shape`` without ``axes``, or with a size of 1 there."""
    if keep:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def around(shape: tuple[int, ...], axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the sizes before and after ``axis``."""
    return shape[:axis], shape[axis + 1 :]
