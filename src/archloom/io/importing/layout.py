"""Which values of an imported network are NCHW maps.

A map has a batch of one, floats and four dimensions, or two where it stands for one pixel. Images
and what windows read and write are maps, and what is computed element by element from maps; tokens
and attention scores are none, though they may have as many dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable

from archloom.io.importing.batch import batch_axis
from archloom.io.importing.names import CHANNELS_FIRST
from archloom.io.importing.rewrite import Rewriter
from archloom.io.importing.rules import reduced_axes
from archloom.io.importing.steps import Step

_TAKEN_APART = {"Transpose", "Einsum", "Gather", "GatherElements", "GatherND", "LSTM", "GRU", "RNN"}


def maps_of(r: Rewriter, inputs: Iterable[str]) -> set[str]:
    """Return the names of the values that are maps."""
    maps = {name for name in inputs if is_map_shaped(r, name) and _is_image(r, name)}
    for step in r.steps:
        if step.domain or step.op_type in _TAKEN_APART:
            continue
        found = _maps_around(r, step, maps)
        maps.update(name for name in found if name and is_map_shaped(r, name))
    return maps


def _is_image(r: Rewriter, name: str) -> bool:
    """Return whether an input is read as NCHW; one that is transposed at once has another order."""
    readers = [step.op_type for step in r.steps if name in step.inputs]
    one = r.value(name)
    return len(one.shape) == 4 and batch_axis(one) == 0 and set(readers) != {"Transpose"}


def is_map_shaped(r: Rewriter, name: str) -> bool:
    """Return whether a value may be a map: floats, a batch of one, (C, H, W) or (C,)."""
    one = r.value(name)
    batch = one.wide is None or one.wide[:1] != (1,)
    plain = one.type.dtype == "float32" and len(one.shape) in (2, 4) and not one.is_constant
    return plain and one.shape[0] == 1 and batch and 0 not in one.shape


def is_pixel(r: Rewriter, step: Step) -> bool:
    """Return whether a Reshape only adds or removes H = W = 1."""
    before, after = r.value(step.inputs[0]).shape, r.value(step.outputs[0]).shape
    return {len(before), len(after)} == {2, 4} and before[:2] == after[:2]


def _maps_around(r: Rewriter, step: Step, maps: set[str]) -> list[str]:
    """Return the values around a step that are maps if they can be."""
    first, result = step.inputs[:1], step.outputs[:1]
    known = any(name in maps for name in step.inputs)
    if step.op_type in CHANNELS_FIRST:
        return [*first, *result]
    if step.op_type in ("Gemm", "MatMul"):
        dense = len(r.value(first[0]).shape) == 2 and r.tensor(step.inputs[1]) is not None
        return [*first, *result] if dense else []
    if step.op_type == "Reshape":
        return result if known and is_pixel(r, step) else []
    if step.op_type.startswith("Reduce") and reduced_axes(r, step) != [2, 3]:
        return []
    if not known:
        return []
    rank = len(r.value(step.outputs[0]).shape)
    alike = [name for name in step.inputs if name and len(r.value(name).shape) == rank]
    return [*alike, *step.outputs]
