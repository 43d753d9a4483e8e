"""ATen operators that move elements: reshaping, slicing, joining, repeating, looking up.

More than 400 lines: one short function per operator.
"""

from __future__ import annotations

from typing import Any

import torch

from archloom.io.importing.torch.translator import Batch, Call, Size, Translator, Value, rule

_END = 2**63 - 1


@rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "view_as", "reshape_as")
def reshape(t: Translator, call: Call) -> str:
    """Reshape to the shape of the result."""
    value = call.value("self")
    return t.reshape(value, value.shape, call.result.shape)


@rule("squeeze")
def squeeze(t: Translator, call: Call) -> str:
    """Squeeze of the axes that have the size 1."""
    value = call.value("self")
    given = range(value.rank) if call["dim"] is None else _listed(call["dim"])
    axes = [value.axis(dim) for dim in given if value.rank and value.shape[value.axis(dim)] == 1]
    return t.emit("Squeeze", value, t.numbers(sorted(axes))) if axes else value.name


@rule("unsqueeze")
def unsqueeze(t: Translator, call: Call) -> str:
    """Unsqueeze."""
    value = call.value("self")
    return t.emit("Unsqueeze", value, t.numbers([call["dim"] % (value.rank + 1)]))


@rule("transpose", "swapaxes", "swapdims")
def transpose(t: Translator, call: Call) -> str:
    """Transpose of two axes."""
    value = call.value("self")
    order = list(range(value.rank))
    one, other = (
        value.axis(call[first] if call[first] is not None else call[second])
        for first, second in (("dim0", "axis0"), ("dim1", "axis1"))
    )
    order[one], order[other] = order[other], order[one]
    return t.transpose(value, order)


@rule("t", "numpy_T", "mT", "matrix_H", "adjoint")
def matrix_transpose(t: Translator, call: Call) -> str:
    """Transpose of a matrix, or of the last two axes."""
    value = call.value("self")
    order = list(range(value.rank))
    if call.name == "numpy_T":
        order.reverse()
    elif value.rank > 1:
        order[-2:] = order[:-3:-1]
    return t.transpose(value, order)


@rule("permute")
def permute(t: Translator, call: Call) -> str:
    """Transpose."""
    value = call.value("self")
    return t.transpose(value, [value.axis(dim) for dim in call["dims"]])


@rule("movedim", "moveaxis")
def movedim(t: Translator, call: Call) -> str:
    """Transpose that takes axes to other places."""
    value = call.value("self")
    source = [value.axis(dim) for dim in _listed(call["source"])]
    target = [value.axis(dim) for dim in _listed(call["destination"])]
    rest = iter(axis for axis in range(value.rank) if axis not in source)
    place = dict(zip(target, source, strict=True))
    order = [place[axis] if axis in place else next(rest) for axis in range(value.rank)]
    return t.transpose(value, order)


@rule("expand", "expand_as", "broadcast_to")
def expand(t: Translator, call: Call) -> str:
    """Expand."""
    value = call.value("self")
    if value.shape == call.result.shape:
        return value.name
    return t.emit("Expand", value, t.sizes(call.result.shape))


@rule("repeat", "tile")
def repeat(t: Translator, call: Call) -> str:
    """Tile; axes are added in front where there are more repeats than axes."""
    value = call.value("self")
    repeats = _listed(call["repeats"] if call["repeats"] is not None else call["dims"])
    name = value.name
    if len(repeats) > value.rank:
        shape: list[Size] = [*[1] * (len(repeats) - value.rank), *value.shape]
        name = t.reshape(value, value.shape, shape)
    repeats = [*[1] * (value.rank - len(repeats)), *repeats]
    return t.emit("Tile", name, t.sizes(repeats))


@rule("repeat_interleave")
def repeat_interleave(t: Translator, call: Call) -> str:
    """Every element several times in a row: a new axis, tiled and merged."""
    value, times = call.value("self"), call["repeats"]
    if not isinstance(times, int) or call["dim"] is None:
        raise call.refuse("give a whole number of repeats and a dimension.")
    axis = value.axis(call["dim"])
    longer: list[Size] = [*value.shape[: axis + 1], 1, *value.shape[axis + 1 :]]
    repeats = [1] * (axis + 1) + [times] + [1] * (value.rank - axis - 1)
    name = t.emit("Unsqueeze", value, t.numbers([axis + 1]))
    longer[axis + 1] = times
    return t.reshape(t.emit("Tile", name, t.numbers(repeats)), longer, call.result.shape)


# --- joining and splitting -----------------------------------------------------------------------


@rule("cat", "concat", "concatenate")
def concatenate(t: Translator, call: Call) -> str:
    """Concat; empty tensors of one dimension are left out, as PyTorch does."""
    parts = [part for part in call["tensors"] if part.shape != (0,)]
    axis = call.result.axis(call["dim"])
    names = [t.cast(part, call.result.dtype) for part in parts]
    return names[0] if len(names) == 1 else t.emit("Concat", *names, axis=axis)


@rule("stack")
def stack(t: Translator, call: Call) -> str:
    """Concat along a new axis."""
    axis = call.result.axis(call["dim"])
    place = t.numbers([axis])
    parts = [
        t.emit("Unsqueeze", t.cast(part, call.result.dtype), place) for part in call["tensors"]
    ]
    return t.emit("Concat", *parts, axis=axis)


@rule("split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk")
def split(t: Translator, call: Call) -> tuple[str, ...]:
    """Split into the sizes of the results."""
    value = call.value("self")
    axis = value.axis(call["dim"])
    sizes = [result.shape[axis] for result in call.results]
    if len(sizes) == 1:
        return (value.name,)
    return t.emit_all("Split", value, t.sizes(sizes), outputs=len(sizes), axis=axis)


@rule("unbind")
def unbind(t: Translator, call: Call) -> tuple[str, ...]:
    """One element of an axis after the other."""
    value = call.value("self")
    axis = value.axis(call["dim"])
    return tuple(
        t.emit("Gather", value, t.numbers(index), axis=axis) for index in range(len(call.results))
    )


# --- slicing and looking up ----------------------------------------------------------------------


@rule("slice")
def slice_(t: Translator, call: Call) -> str:
    """Slice; one that takes all is none."""
    value = call.value("self")
    if value.shape == call.result.shape and call["step"] == 1:
        return value.name
    return t.emit("Slice", value, *_bounds(t, call, value))


def _bounds(t: Translator, call: Call, value: Value) -> list[str]:
    start = 0 if call["start"] is None else call["start"]
    end = _END if call["end"] is None else call["end"]
    if isinstance(start, Batch) or isinstance(end, Batch):
        raise call.refuse("a slice bounded by the batch size: slice by a fixed size.")
    axis = value.axis(call["dim"])
    return [t.numbers([one]) for one in (start, end, axis, call["step"] or 1)]


@rule("narrow")
def narrow(t: Translator, call: Call) -> str:
    """Slice of a given length."""
    value = call.value("self")
    axis, start = value.axis(call["dim"]), int(call["start"])
    bounds = (start, start + int(call["length"]), axis)
    return t.emit("Slice", value, *(t.numbers([one]) for one in bounds))


@rule("select")
def select(t: Translator, call: Call) -> str:
    """Gather of one element of an axis."""
    value = call.value("self")
    return t.emit("Gather", value, t.numbers(call["index"]), axis=value.axis(call["dim"]))


@rule("slice_scatter")
def slice_scatter(t: Translator, call: Call) -> str:
    """The parts around a slice, joined with what takes its place."""
    value, source = call.value("self"), call.value("src")
    axis, size = value.axis(call["dim"]), value.shape[value.axis(call["dim"])]
    start = call["start"] or 0
    end = _END if call["end"] is None else call["end"]
    if source.shape == value.shape:
        return t.cast(source, value.dtype)
    if isinstance(size, Batch) or call["step"] != 1:
        raise call.refuse("only whole stretches of an axis other than the batch can be assigned.")
    start, end, _ = slice(start, end).indices(size)
    parts = [t.cast(source, value.dtype)]
    if start:
        front = (t.numbers([one]) for one in (0, start, axis))
        parts.insert(0, t.emit("Slice", value, *front))
    if end < size:
        back = (t.numbers([one]) for one in (end, size, axis))
        parts.append(t.emit("Slice", value, *back))
    return t.emit("Concat", *parts, axis=axis)


@rule("select_scatter")
def select_scatter(t: Translator, call: Call) -> str:
    """The same for one element of an axis."""
    value = call.value("self")
    axis = value.axis(call["dim"])
    size = value.shape[axis]
    if isinstance(size, Batch):
        raise call.refuse("elements of the batch cannot be assigned.")
    index = call["index"] % size
    new = t.emit("Unsqueeze", t.cast(call.value("src"), value.dtype), t.numbers([axis]))
    parts = [new]
    if index:
        front = (t.numbers([one]) for one in (0, index, axis))
        parts.insert(0, t.emit("Slice", value, *front))
    if index + 1 < size:
        back = (t.numbers([one]) for one in (index + 1, size, axis))
        parts.append(t.emit("Slice", value, *back))
    return parts[0] if len(parts) == 1 else t.emit("Concat", *parts, axis=axis)


@rule("copy")
def copy(t: Translator, call: Call) -> str:
    """The source in type and shape of what it overwrites."""
    value, source = call.value("self"), call.value("src")
    name = t.cast(source, value.dtype)
    return name if source.shape == value.shape else t.emit("Expand", name, t.sizes(value.shape))


@rule("index")
def index(t: Translator, call: Call) -> str:
    """Gather of one axis after the other where the indices vary along axes of their own, else
    GatherND of axes that come first for it.
    """
    value = call.value("self")
    indices = {axis: one for axis, one in enumerate(call["indices"]) if one is not None}
    if any(one.dtype == torch.bool for one in indices.values()):
        raise call.refuse(
            "a mask selects a number of elements that depends on the data: use where."
        )
    axes, rank = list(indices), max(one.rank for one in indices.values())
    if len(axes) == 1:
        return t.emit("Gather", value, indices[axes[0]], axis=axes[0])
    together = axes == list(range(axes[0], axes[-1] + 1))
    own = [_varying(one, rank) for one in indices.values()]
    if together and sum(own, []) == list(range(rank)):
        name, shift = value.name, 0
        for axis, one, places in zip(axes, indices.values(), own, strict=True):
            shape = [one.shape[place - rank] for place in places]
            name = t.emit("Gather", name, t.reshape(one, one.shape, shape), axis=axis + shift)
            shift += len(places) - 1
        return name
    start = axes[0] if together else 0
    shape = list(call.result.shape[start : start + rank])
    parts = [_column(t, one, shape) for one in indices.values()]
    rest = [axis for axis in range(value.rank) if axis not in indices]
    found = t.emit(
        "GatherND", t.transpose(value, [*axes, *rest]), t.emit("Concat", *parts, axis=rank)
    )
    order = list(range(rank, rank + start)) + list(range(rank))
    return t.transpose(found, [*order, *range(rank + start, rank + len(rest))])


def _varying(one: Value, rank: int) -> list[int]:
    """Return the axes, of ``rank`` in all, along which an index has more than one element."""
    return [rank - one.rank + axis for axis, size in enumerate(one.shape) if size != 1]


def _column(t: Translator, one: Value, shape: list[Size]) -> str:
    """Return an index spread to ``shape`` with an axis behind."""
    name = one.name if list(one.shape) == shape else t.emit("Expand", one, t.sizes(shape))
    return t.emit("Unsqueeze", name, t.numbers([len(shape)]))


@rule("unfold")
def unfold(t: Translator, call: Call) -> str:
    """Gather of the windows along an axis; the elements of a window become the last axis."""
    value = call.value("self")
    axis = value.axis(call["dimension"])
    size, step = int(call["size"]), int(call["step"])
    starts = torch.arange(0, value.fixed(axis) - size + 1, step)
    windows = t.constant(starts[:, None] + torch.arange(size))
    found = t.emit("Gather", value, windows, axis=axis)
    order = [one for one in range(value.rank + 1) if one != axis + 1]
    return t.transpose(found, [*order, axis + 1])


@rule("scatter")
def scatter(t: Translator, call: Call) -> str:
    """ScatterElements; a number is spread to the shape of the index."""
    value, place = call.value("self"), call.value("index")
    if call["reduce"] is not None:
        raise call.refuse("a scatter that reduces: add or multiply outside of it.")
    source = call["src"]
    if not isinstance(source, Value):
        number = t.numbers(call["value"], value.dtype)
        source = t.emit("Expand", number, t.sizes(place.shape))
    return t.emit("ScatterElements", value, place, source, axis=value.axis(call["dim"]))


@rule("index_select")
def index_select(t: Translator, call: Call) -> str:
    """Gather along one axis."""
    value = call.value("self")
    return t.emit("Gather", value, call.value("index"), axis=value.axis(call["dim"]))


@rule("gather")
def gather(t: Translator, call: Call) -> str:
    """GatherElements."""
    value = call.value("self")
    return t.emit("GatherElements", value, call.value("index"), axis=value.axis(call["dim"]))


@rule("embedding")
def embedding(t: Translator, call: Call) -> str:
    """Gather of rows of the weight."""
    return t.emit("Gather", call.value("weight"), call.value("indices"), axis=0)


@rule("one_hot")
def one_hot(t: Translator, call: Call) -> str:
    """OneHot along a new last axis."""
    depth = t.sizes(call.result.shape[-1:])
    return t.emit("OneHot", call.value("self"), depth, t.numbers([0, 1]), axis=-1)


@rule("tril", "triu")
def triangle(t: Translator, call: Call) -> str:
    """Trilu."""
    upper = int(call.name == "triu")
    return t.emit("Trilu", call.value("self"), t.numbers(call["diagonal"]), upper=upper)


@rule("flip")
def flip(t: Translator, call: Call) -> str:
    """Slice with negative steps."""
    value = call.value("self")
    axes = [value.axis(dim) for dim in call["dims"]]
    n = len(axes)
    bounds = ([-1] * n, [-_END] * n, axes, [-1] * n)
    return t.emit("Slice", value, *(t.numbers(one) for one in bounds))


@rule("roll")
def roll(t: Translator, call: Call) -> str:
    """Two slices of an axis, joined in the other order."""
    value = call.value("self")
    name = value.name
    if not call["dims"]:
        raise call.refuse("give the dimensions to roll.")
    for shift, dim in zip(_listed(call["shifts"]), _listed(call["dims"]), strict=True):
        axis = value.axis(dim)
        size = value.shape[axis]
        if isinstance(size, Batch):
            raise call.refuse("the batch cannot be rolled.")
        if shift % size:
            at = [t.numbers([one]) for one in (size - shift % size, size, 0, axis)]
            back = t.emit("Slice", name, at[0], at[1], at[3])
            front = t.emit("Slice", name, at[2], at[0], at[3])
            name = t.emit("Concat", back, front, axis=axis)
    return name


# --- new tensors of the batch's size -------------------------------------------------------------


@rule("zeros", "zeros_like", "new_zeros", "zero")
def zeros(t: Translator, call: Call) -> str:
    """A zero, spread."""
    name = _full(t, call, 0)
    t.zeros.add(name)
    return name


@rule("ones", "ones_like", "new_ones")
def ones(t: Translator, call: Call) -> str:
    """A one, spread."""
    return _full(t, call, 1)


@rule("full", "full_like", "new_full")
def full(t: Translator, call: Call) -> str:
    """A number, spread."""
    return _full(t, call, call["fill_value"])


@rule("fill")
def fill(t: Translator, call: Call) -> str:
    """A number, or the only element of a tensor, spread."""
    if isinstance(call["value"], Value):
        name = t.cast(call["value"], call.result.dtype)
        return t.emit("Expand", name, t.sizes(call.result.shape))
    return _full(t, call, call["value"])


def _full(t: Translator, call: Call, number: Any) -> str:
    if isinstance(number, Batch):
        raise call.refuse("the batch size is used as a number: use a fixed one.")
    return t.emit("Expand", t.numbers(number, call.result.dtype), t.sizes(call.result.shape))


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]
