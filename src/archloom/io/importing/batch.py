"""Which axis of a value is the batch, and which steps join the examples of a batch.

A value is known at two batch sizes (``steps.Value``): the axis whose size differs is its batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archloom.io.importing.names import CHANNELS_FIRST
from archloom.io.importing.steps import Step, Value


def batch_axis(value: Value) -> int | None:
    """Return the axis that grows with the batch, None where none does."""
    return first_difference(value.shape, value.wide)


def first_difference(one: Sequence[int], other: Sequence[int] | None) -> int | None:
    """Return the first axis along which two shapes differ, None where there is none."""
    if other is None:
        return None
    pairs = zip(one, other, strict=False)
    return next((axis for axis, (a, b) in enumerate(pairs) if a != b), None)


def joins_batch(of: Mapping[str, Value], step: Step, wide_batch: int) -> bool:
    """Return whether an output of ``step`` mixes the examples of a batch, or takes some of them: it
    does not grow with the batch as its inputs do, or the operator works along that axis.
    """
    axes = {
        position: axis
        for position, name in enumerate(step.inputs)
        if name and (axis := batch_axis(of[name])) is not None
    }
    if not axes or step.domain:
        return False
    for name in step.outputs:
        value = of.get(name)
        if value is not None and value.wide is not None and not _grows(value, wide_batch):
            return True
    return _along(of, step, axes)


def _grows(value: Value, wide_batch: int) -> bool:
    """Return whether one axis, and only one, is a multiple of the batch."""
    assert value.wide is not None
    pairs = list(zip(value.shape, value.wide, strict=False))
    different = [pair for pair in pairs if pair[0] != pair[1]]
    return (
        len(value.shape) == len(value.wide)
        and len(different) == 1
        and different[0][0] * wide_batch == different[0][1]
    )


_BY_AXIS = {
    "Softmax": -1,
    "LogSoftmax": -1,
    "Hardmax": -1,
    "LpNormalization": -1,
    "Gather": 0,
    "GatherElements": 0,
    "ScatterElements": 0,
    "TopK": -1,
}
"""Operators that work along an axis which they keep, with its default."""

_FROM_AXIS = {"LayerNormalization": -1, "RMSNormalization": -1}
"""Operators that work along an axis and all behind it."""

_TIME_FIRST = ("LSTM", "GRU", "RNN")


def _along(of: Mapping[str, Value], step: Step, axes: dict[int, int]) -> bool:
    """Return whether the operator works along the batch though its output has it."""
    kind, place = step.op_type, axes.get(0)
    if place is None:
        return kind in CHANNELS_FIRST or kind == "ScatterND"
    rank = len(of[step.inputs[0]].shape)
    if kind in CHANNELS_FIRST:
        return place != 0
    if kind in _TIME_FIRST:
        return place != (0 if step.attributes.get("layout", 0) else 1)
    if kind in _BY_AXIS:
        return int(step.attributes.get("axis", _BY_AXIS[kind])) % rank == place  # type: ignore[arg-type]
    if kind in _FROM_AXIS:
        return int(step.attributes.get("axis", _FROM_AXIS[kind])) % rank <= place  # type: ignore[arg-type]
    if kind in ("CumSum", "CumProd", "ReverseSequence"):
        along = of[step.inputs[1]].data
        return along is None or (along.size == 1 and int(along.item()) % rank == place)
    if kind == "Slice" and len(step.inputs) > 4:
        where, strides = (of[step.inputs[i]].data for i in (3, 4))
        known = where is not None and strides is not None
        pairs = zip(where.tolist(), strides.tolist(), strict=True) if known else [(place, -1)]  # type: ignore[union-attr]
        return any(axis % rank == place and stride < 0 for axis, stride in pairs)
    if kind in ("Attention", "GatherND"):
        return place != 0 or (kind == "GatherND" and not step.attributes.get("batch_dims", 0))
    if kind == "MeanVarianceNormalization":
        return place in step.attributes.get("axes", (0, 2, 3))  # type: ignore[operator]
    return kind in ("ScatterND", "Trilu", "EyeLike", "NonZero", "NonMaxSuppression", "Unique")
