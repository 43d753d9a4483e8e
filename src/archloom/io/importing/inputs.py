"""Shapes of inputs: what a caller gives for them, and which of their axes is the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archloom.errors import FormatError
from archloom.io.importing.operations import InputShape


def given_shapes(
    input_shape: InputShape | None, names: Sequence[str], what: str
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a caller gives, by the names of the inputs.

    Raises ``FormatError`` for one shape where there are several inputs, and for what is no shape.
    """
    if input_shape is None:
        return {}
    if not isinstance(input_shape, Mapping):
        if len(names) > 1:
            listed = ", ".join(map(repr, names))
            raise FormatError(
                f"the {what} has several inputs ({listed}): give their shapes by name."
            )
        input_shape = {names[0]: input_shape}
    unknown = sorted(set(map(str, input_shape)) - set(names))
    if unknown:
        listed = ", ".join(names)
        raise FormatError(f"{unknown[0]!r} is no input of the {what}: its inputs are {listed}.")
    try:
        return {name: tuple(map(_whole, shape)) for name, shape in input_shape.items()}
    except TypeError as error:
        raise FormatError(
            f"the input shape {input_shape!r} is no list of whole numbers: give one such as "
            "(1, 3, 224, 224)."
        ) from error


def _whole(size: object) -> int:
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise TypeError(f"{size!r} is no whole number")
    return int(size.__index__())


def batch_axis_of(dims: Sequence[int]) -> int | None:
    """Return the axis of an input that is the batch: the first if it is open, else the only one
    that is.
    """
    open_ = [axis for axis, size in enumerate(dims) if size < 1]
    return open_[0] if open_[:1] == [0] or len(open_) == 1 else None


def batch_axes(
    stated: Mapping[str, Sequence[int]], sizes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, int | None], int]:
    """Return the batch axis of every input, and the size to which the model fixes it (0: open)."""
    axes = {name: batch_axis_of(dims) for name, dims in stated.items()}
    if any(axis is not None for axis in axes.values()):
        return axes, 0
    firsts = {shape[0] for shape in sizes.values() if shape}
    batch = 1 if 1 in firsts else min(firsts, default=1)
    fits = len(firsts) == 1 or batch == 1
    return {
        name: 0 if shape and fits and shape[0] == batch else None for name, shape in sizes.items()
    }, batch if fits else 0
