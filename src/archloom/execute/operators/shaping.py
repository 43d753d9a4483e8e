"""Operators that move, cut, join and make elements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from archloom.execute.operators.table import DTYPES, Result, is_given, numbers, operator
from archloom.execute.words import word
from archloom.graph.definition import OWN_DOMAIN, Definition


@operator("Pick", domain=OWN_DOMAIN)
def _pick(d: Definition, values: tuple[Tensor, ...]) -> Result:
    return values[d.attribute("index")]


# --- shape ---------------------------------------------------------------------------------------


@operator("Reshape", attributes="allowzero")
def _reshape(d: Definition, x: Tensor, shape: Tensor) -> Result:
    wanted = numbers(d, 1, shape)
    if not d.attribute("allowzero", 0):
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    return x.reshape(wanted)


@operator("Flatten", attributes="axis")
def _flatten(d: Definition, x: Tensor) -> Result:
    axis = d.attribute("axis", 1)
    if axis == 1 and x.dim() > 1:
        return x.flatten(1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


@operator("Squeeze")
def _squeeze(d: Definition, x: Tensor, axes: Tensor | None = None) -> Result:
    return x.squeeze(tuple(numbers(d, 1, axes))) if is_given(d, 1) else x.squeeze()


@operator("Unsqueeze")
def _unsqueeze(d: Definition, x: Tensor, axes: Tensor) -> Result:
    places = numbers(d, 1, axes)
    rank = x.dim() + len(places)
    for axis in sorted(axis % rank for axis in places):
        x = x.unsqueeze(axis)
    return x


@operator("Transpose", attributes="perm")
def _transpose(d: Definition, x: Tensor) -> Result:
    return x.permute(d.attribute("perm", tuple(reversed(range(x.dim())))))


@operator("Expand")
def _expand(d: Definition, x: Tensor, shape: Tensor) -> Result:
    wanted = numbers(d, 1, shape)
    lead = max(len(wanted) - x.dim(), 0)
    own = [1] * (x.dim() - len(wanted))
    return x[(None,) * lead].expand([-1 if n == 1 else n for n in (*own, *wanted)])


@operator("Tile")
def _tile(d: Definition, x: Tensor, repeats: Tensor) -> Result:
    return x.repeat(numbers(d, 1, repeats))


@operator("Shape", attributes="end start")
def _shape(d: Definition, x: Tensor) -> Result:
    shape = x.shape[d.attribute("start", 0) : d.attribute("end", x.dim())]
    return torch.tensor(shape, dtype=torch.int64, device=x.device)


@operator("Size")
def _size(_: Definition, x: Tensor) -> Result:
    return torch.tensor(x.numel(), device=x.device)


# --- joining and cutting -------------------------------------------------------------------------


@operator("Concat", attributes="axis")
def _concat(d: Definition, *inputs: Tensor) -> Result:
    return torch.cat(inputs, d.attribute("axis"))


@operator("Split", attributes="axis", idle="num_outputs")
def _split(d: Definition, x: Tensor, split: Tensor | None = None) -> Result:
    axis, sizes = d.attribute("axis", 0), numbers(d, 1, split)
    if not sizes:
        parts, total = len(d.outputs), x.shape[axis]
        size = -(-total // parts)
        sizes = [size] * (parts - 1) + [total - size * (parts - 1)]
    found = torch.split_with_sizes(x, sizes, axis)
    return found[0] if len(found) == 1 else tuple(found)


@operator("Slice")
def _slice(
    d: Definition,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Result:
    first, last = numbers(d, 1, starts), numbers(d, 2, ends)
    where = numbers(d, 3, axes) or list(range(len(first)))
    for axis, start, end, step in zip(
        where, first, last, numbers(d, 4, steps) or [1] * len(first), strict=True
    ):
        bounds = slice(start, end, step).indices(x.shape[axis])
        if step > 0:
            index = [slice(None)] * x.dim()
            index[axis] = slice(*bounds)
            x = x[tuple(index)]
        else:
            x = x.index_select(axis, torch.arange(*bounds, device=x.device))
    return x


@operator("Pad", attributes="mode")
def _pad(
    d: Definition,
    x: Tensor,
    pads: Tensor,
    value: Tensor | None = None,
    axes: Tensor | None = None,
) -> Result:
    widths, where = numbers(d, 1, pads), numbers(d, 3, axes) or list(range(x.dim()))
    befores, afters = [0] * x.dim(), [0] * x.dim()
    for position, axis in enumerate(where):
        befores[axis], afters[axis] = widths[position], widths[position + len(where)]
    mode = word(d, "mode", "constant", "reflect", "edge", "wrap")
    if mode == "constant":
        fill = (numbers(d, 2, value) or [0.0])[0]
        flat = [w for pair in zip(reversed(befores), reversed(afters), strict=True) for w in pair]
        return F.pad(x, flat, value=fill)
    for axis, (before, after) in enumerate(zip(befores, afters, strict=True)):
        if before or after:
            index = _outside(x.shape[axis], before, after, mode)
            x = x.index_select(axis, torch.tensor(index, device=x.device))
    return x


def _outside(size: int, before: int, after: int, mode: str) -> list[int]:
    """Return the positions that a padded axis reads, for the modes reflect, edge and wrap."""
    places = range(-before, size + after)
    if mode == "edge":
        return [min(max(place, 0), size - 1) for place in places]
    if mode == "wrap":
        return [place % size for place in places]
    period = max(2 * (size - 1), 1)
    return [min(place % period, period - place % period) if size > 1 else 0 for place in places]


@operator("DepthToSpace", attributes="blocksize mode")
def _depth_to_space(d: Definition, x: Tensor) -> Result:
    block = d.attribute("blocksize")
    if word(d, "mode", "DCR", "CRD") == "CRD":
        return F.pixel_shuffle(x, block)
    channels, height, width = x.shape[1:]
    x = x.reshape(-1, block, block, channels // block**2, height, width)
    return x.permute(0, 3, 4, 1, 5, 2).reshape(
        -1, channels // block**2, height * block, width * block
    )


@operator("SpaceToDepth", attributes="blocksize")
def _space_to_depth(d: Definition, x: Tensor) -> Result:
    block = d.attribute("blocksize")
    channels, height, width = x.shape[1:]
    x = x.reshape(-1, channels, height // block, block, width // block, block)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(
        -1, channels * block**2, height // block, width // block
    )


# --- picking and placing -------------------------------------------------------------------------


@operator("Gather", attributes="axis")
def _gather(d: Definition, x: Tensor, indices: Tensor) -> Result:
    axis = d.attribute("axis", 0) % x.dim()
    flat = _wrapped(indices.flatten(), x.shape[axis])
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, flat).reshape(shape)


@operator("GatherElements", attributes="axis")
def _gather_elements(d: Definition, x: Tensor, indices: Tensor) -> Result:
    axis = d.attribute("axis", 0)
    return x.gather(axis, _wrapped(indices, x.shape[axis]))


@operator("GatherND", attributes="batch_dims")
def _gather_nd(d: Definition, x: Tensor, indices: Tensor) -> Result:
    batch, depth = d.attribute("batch_dims", 0), indices.shape[-1]
    lead = x.shape[:batch]
    index = list(_grid(lead, indices.dim() - 1, x.device))
    index += [_wrapped(indices[..., i], x.shape[batch + i]) for i in range(depth)]
    return x[tuple(index)]


@operator("ScatterElements", attributes="axis reduction")
def _scatter_elements(d: Definition, x: Tensor, indices: Tensor, updates: Tensor) -> Result:
    axis, reduction = d.attribute("axis", 0), word(d, "reduction", "none", *_REDUCTIONS)
    places = _wrapped(indices, x.shape[axis])
    if reduction == "none":
        return x.scatter(axis, places, updates)
    return x.scatter_reduce(axis, places, updates, _REDUCTIONS[reduction])


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@operator("ScatterND", attributes="reduction")
def _scatter_nd(d: Definition, x: Tensor, indices: Tensor, updates: Tensor) -> Result:
    depth = indices.shape[-1]
    size = math.prod(x.shape[:depth])
    strides = [math.prod(x.shape[i + 1 : depth]) for i in range(depth)]
    places = sum(_wrapped(indices[..., i], x.shape[i]) * strides[i] for i in range(depth))
    assert isinstance(places, Tensor)
    rest = x.shape[depth:]
    table, rows = x.reshape(size, -1), updates.reshape(-1, math.prod(rest))
    index = places.reshape(-1, 1).expand(rows.shape)
    reduction = word(d, "reduction", "none", *_REDUCTIONS)
    if reduction == "none":
        return table.scatter(0, index, rows).reshape(x.shape)
    return table.scatter_reduce(0, index, rows, _REDUCTIONS[reduction]).reshape(x.shape)


@operator("OneHot", attributes="axis")
def _one_hot(d: Definition, indices: Tensor, depth: Tensor, values: Tensor) -> Result:
    size = int(numbers(d, 1, depth)[0])
    axis = d.attribute("axis", -1)
    places = torch.arange(size, device=indices.device)
    hot = _wrapped(indices.long(), size).unsqueeze(-1) == places
    chosen = torch.where(hot, values[1], values[0])
    return chosen.movedim(-1, axis)


@operator("TopK", attributes="axis largest", idle="sorted")
def _top_k(d: Definition, x: Tensor, k: Tensor) -> Result:
    count, axis = int(numbers(d, 1, k)[0]), d.attribute("axis", -1)
    found = torch.sort(x, dim=axis, stable=True, descending=bool(d.attribute("largest", 1)))
    return found.values.narrow(axis, 0, count), found.indices.narrow(axis, 0, count)


def _wrapped(indices: Tensor, size: int) -> Tensor:
    """Return indices counted from the front where they are negative."""
    return torch.where(indices < 0, indices + size, indices).long()


def _grid(lead: Sequence[int], rank: int, device: torch.device) -> list[Tensor]:
    """Return one index per leading dimension that broadcasts over ``rank`` dimensions."""
    return [
        torch.arange(size, device=device).reshape([-1 if i == j else 1 for j in range(rank)])
        for i, size in enumerate(lead)
    ]


# --- making --------------------------------------------------------------------------------------


@operator("ConstantOfShape", attributes="value")
def _constant_of_shape(d: Definition, shape: Tensor) -> Result:
    value = d.attribute("value")
    fill, dtype = (value.values[0], value.type.dtype) if value else (0.0, "float32")
    return torch.full(numbers(d, 0, shape), fill, dtype=getattr(torch, dtype), device=shape.device)


@operator("Range")
def _range(d: Definition, start: Tensor, limit: Tensor, delta: Tensor) -> Result:
    bounds = [numbers(d, i, value)[0] for i, value in enumerate((start, limit, delta))]
    return torch.arange(*bounds, dtype=start.dtype, device=start.device)


@operator("EyeLike", attributes="dtype k")
def _eye_like(d: Definition, x: Tensor) -> Result:
    dtype = DTYPES[d.attribute("dtype")] if d.attribute("dtype") else x.dtype
    one = torch.ones_like(x, dtype=dtype)
    return one.triu(d.attribute("k", 0)).tril(d.attribute("k", 0))


@operator("Trilu", attributes="upper")
def _trilu(d: Definition, x: Tensor, k: Tensor | None = None) -> Result:
    diagonal = int((numbers(d, 1, k) or [0])[0])
    return x.triu(diagonal) if d.attribute("upper", 1) else x.tril(diagonal)


@operator("CumSum", attributes="exclusive reverse")
def _cum_sum(d: Definition, x: Tensor, axis: Tensor) -> Result:
    where = int(numbers(d, 1, axis)[0])
    if d.attribute("reverse", 0):
        x = x.flip(where)
    total = x.cumsum(where).to(x.dtype)
    if d.attribute("exclusive", 0):
        total = total - x
    return total.flip(where) if d.attribute("reverse", 0) else total


@operator("NonZero")
def _non_zero(_: Definition, x: Tensor) -> Result:
    return x.nonzero().T
