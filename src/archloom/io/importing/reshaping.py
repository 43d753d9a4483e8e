"""Reshape, Flatten, Squeeze and Unsqueeze for every batch size.

A target that is made of constants does not say which of its sizes is the batch. The batch keeps its
place in the order of the elements; which dimension that is, is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.graph.definition import TensorType
from archloom.io.importing.batch import batch_axis, first_difference
from archloom.io.importing.steps import Step, Value


class Known(Protocol):
    """What is known of a network so far, see ``archloom.io.importing.values.Values``.

    written_wide, is_open, read_batch : whether constants hold for the second batch size, whether
                                        the source leaves the batch open, and the batch it fixes
    """

    of: dict[str, Value]
    written_wide: bool
    is_open: bool
    read_batch: int

    def constant(self, data: NDArray[Any]) -> str:
        """Add a constant of any shape and return its name."""

    def types(self, step: Step, *, wide: bool) -> tuple[TensorType, ...] | None:
        """Return the types of what a step computes, None where they depend on data."""


def general_reshape(values: Known, step: Step) -> int | None:
    """Put Reshape, Flatten, Squeeze and Unsqueeze as one Reshape to a target that holds for
    every batch where there is one; return ``Value.outer`` of the result.
    """
    if any(values.of[name].data is None for name in step.inputs[1:] if name):
        return None  # a target that depends on data
    given = values.of[step.inputs[0]]
    if step.op_type == "Squeeze" and not any(step.inputs[1:]) and _keeps_batch(values):
        sizes = given.shape if given.wide is None else given.wide
        axes = [axis for axis, size in enumerate(sizes) if size == 1]
        step.inputs[1:] = [values.constant(np.array(axes, dtype=np.int64))]
    types = values.types(step, wide=values.written_wide)
    assert types is not None
    target = list(types[0].shape)
    place, outer = _batch_place(values, step, given, target)
    if place is not None:
        written = given.wide if values.written_wide else given.shape
        target[place] = _open_size(given, written, target, place)
    constant = values.constant(np.array(target, dtype=np.int64))
    step.op_type, step.attributes = "Reshape", {}
    step.inputs = [step.inputs[0], constant]
    return outer


def _batch_place(
    values: Known, step: Step, given: Value, target: list[int]
) -> tuple[int | None, int]:
    """Return the dimension of ``target`` that grows with the batch and how many rows of it
    stand outside of the batch; None and 1 where none grows.

    A Reshape to constants does not say it: the batch keeps its place in the order of the
    elements, and what stands behind it stays if it can (``_choice``).
    """
    source = batch_axis(given)
    if source is None:
        return None, 1
    written = given.wide if values.written_wide and given.wide else given.shape
    before = math.prod(written[:source]) * given.outer
    numbers = values.of[step.inputs[1]] if len(step.inputs) > 1 and step.inputs[1] else None
    says = step.op_type != "Reshape" or (
        not values.written_wide and (values.is_open or _follows_batch(numbers))
    )
    if says and (wide := _other_shape(values, step)) is not None:
        if len(wide) != len(target):
            return None, 1  # a Squeeze takes a batch of one away
        place = first_difference(target, wide)
        ahead = math.prod(target[: place or 0])
        return place, before // ahead if ahead and before % ahead == 0 else 0
    if not before:
        return None, 1  # the order of the elements is not known
    rows = {
        place: before // ahead
        for place, size in enumerate(target)
        if (ahead := math.prod(target[:place])) and before % ahead == 0
        if size and size % (before // ahead * values.read_batch) == 0
    }
    stated = numbers.data.tolist() if numbers is not None and numbers.data is not None else []
    alone = written[source] == given.outer * values.read_batch
    place = _choice(rows, target, values.read_batch, stated, alone, written[source + 1 :])
    return place, 1 if place is None else rows.get(place, 0)


def _other_shape(values: Known, step: Step) -> tuple[int, ...] | None:
    """Return the shape of a result at the batch size that constants were not written for, None
    where they do not fit it.
    """
    with suppress(FormatError):
        types = values.types(step, wide=not values.written_wide)
        return None if types is None else types[0].shape
    return None


def _choice(
    rows: Mapping[int, int],
    target: list[int],
    batch: int,
    stated: Sequence[int],
    alone: bool,
    behind: Sequence[int],
) -> int | None:
    """Return which of the dimensions ``rows`` of a target is the batch: one of exactly its
    size, one that the model leaves open, one behind which all stays as it is, one that begins
    with the batch, any other; the last dimension of several at the end.
    """
    if len(target) == 1 and target[0] != batch:
        return None  # examples are not joined in one row
    last = len(target) - 1
    exact = [p for p, row in rows.items() if alone and row == 1 and target[p] == batch]
    left = [stated.index(-1)] if -1 in stated else []
    same = [p for p in rows if tuple(target[p + 1 :]) == tuple(behind)]
    inner = [p for p in rows if p < last]
    begins = [p for p in inner if rows[p] == 1]
    return next(iter([*exact, *left, *same, *begins, *inner, *rows]), None)


def _keeps_batch(values: Known) -> bool:
    """Return whether a Squeeze without axes leaves the batch alone, unless it is fixed to 1."""
    return values.is_open or values.written_wide


def _follows_batch(numbers: Value | None) -> bool:
    """Return whether a target is computed from the batch size."""
    return numbers is not None and numbers.wide_data is not None


def reshape_target(given: Value, result: Value) -> list[int]:
    """Return the target of a Reshape from ``given`` to ``result`` that holds for every batch."""
    target, place = list(result.shape), batch_axis(result)
    if place is not None:
        target[place] = _open_size(given, given.shape, target, place)
    return target


def _open_size(
    given: Value, written: Sequence[int] | None, target: Sequence[int], place: int
) -> int:
    """Return what a target says where the batch is: 0 (as in the input) or -1 (what is left)."""
    same = batch_axis(given) == place
    return 0 if same and written is not None and written[place] == target[place] else -1
