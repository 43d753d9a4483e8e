"""Operators on constants: by NumPy where that gives the very same numbers, else by the operator's
own function.

What exporters compute from constants is mostly sizes: whole numbers that are picked, joined and
divided. Single additions, products, quotients and roots of floats are exact in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archloom.execute.types import closed_form
from archloom.graph.definition import Definition

Arrays = Sequence[NDArray[Any] | None]
_LARGEST_WIDTH = 1024
_NUMBERS = ("int32", "int64", "float32", "float64")


def computed(definition: Definition, inputs: Arrays, where: str) -> tuple[NDArray[Any], ...]:
    """Return the outputs of ``definition`` on ``inputs``, one array per slot, None where an
    optional input is left out.

    Raises ``GraphError`` (speaking of ``where``) when nothing can execute it.
    """
    by_numpy = None if definition.domain else _FUNCTIONS.get(definition.op_type)
    types = closed_form(definition) if by_numpy is not None else None
    if by_numpy is not None and types is not None and len(types) == 1:
        with np.errstate(all="ignore"):
            found = by_numpy(definition, *inputs)
        if found is not None:
            (one,) = types
            return (np.array(found, dtype=one.dtype, order="C").reshape(one.shape),)
    return _executed(definition, inputs, where)


def _executed(definition: Definition, inputs: Arrays, where: str) -> tuple[NDArray[Any], ...]:
    from archloom.execute.operators import function_of
    from archloom.execute.tensors import array_of, tensor_of

    found = function_of(definition, where)([None if a is None else tensor_of(a) for a in inputs])
    results = found if isinstance(found, tuple) else (found,)
    return tuple(array_of(one.contiguous()) for one in results)


# --- by NumPy: None where the function of the operator has to say --------------------------------


def _elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, *inputs: function(*inputs)


def _divide(_: Definition, x: NDArray[Any], y: NDArray[Any]) -> Any:
    if x.dtype.kind == "i":
        return None if (x < 0).any() or (y <= 0).any() else x // y
    return x / y


def _power(_: Definition, x: NDArray[Any], y: NDArray[Any]) -> Any:
    """The root of a size alone, or one over it, such as the scale of attention; PyTorch's power may
    be off by the last bit.
    """
    is_root = x.size == y.size == 1 and x.dtype == np.float32 and abs(y.item()) == 0.5
    return x.item() ** y.item() if is_root and x.item() in range(1, _LARGEST_WIDTH + 1) else None


def _mod(_: Definition, x: NDArray[Any], y: NDArray[Any]) -> Any:
    return None if (y <= 0).any() else np.mod(x, y)


def _range(_: Definition, *bounds: NDArray[Any]) -> Any:
    return np.arange(*(one.item() for one in bounds))


def _cast(d: Definition, x: NDArray[Any]) -> Any:
    """A float has to be finite and small to become a whole number the same way everywhere."""
    if x.dtype.name not in (*_NUMBERS, "bool"):
        return None
    if x.dtype.kind == "f" and not (np.abs(x) < 1 << 30).all():
        return None
    return x


def _gather(d: Definition, x: NDArray[Any], indices: NDArray[Any]) -> Any:
    axis = d.attribute("axis", 0)
    size = x.shape[axis]
    inside = ((indices >= -size) & (indices < size)).all()
    return np.take(x, indices, axis=axis) if inside else None


def _slice(
    d: Definition,
    x: NDArray[Any],
    starts: NDArray[Any],
    ends: NDArray[Any],
    axes: NDArray[Any] | None = None,
    steps: NDArray[Any] | None = None,
) -> Any:
    given = [None if one is None else one.tolist() for one in (starts, ends, axes, steps)]
    first, last = given[0] or [], given[1] or []
    where, by = given[2] or range(len(first)), given[3] or [1] * len(first)
    index = [slice(None)] * x.ndim
    for axis, *bounds in zip(where, first, last, by, strict=True):
        index[axis] = slice(*bounds)
    return x[tuple(index)]


def _as_shaped(_: Definition, x: NDArray[Any], *_others: NDArray[Any] | None) -> Any:
    return x


def _constant_of_shape(d: Definition, shape: NDArray[Any]) -> Any:
    value = d.attribute("value")
    return np.full(shape.tolist(), value.values[0] if value else 0.0)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Add": _elementwise(np.add),
    "Cast": _cast,
    "Concat": lambda d, *xs: np.concatenate(xs, axis=d.attribute("axis")),
    "ConstantOfShape": _constant_of_shape,
    "Div": _divide,
    "Equal": _elementwise(np.equal),
    "Expand": lambda _, x, shape: np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape))),
    "Flatten": _as_shaped,
    "Gather": _gather,
    "Greater": _elementwise(np.greater),
    "Identity": _as_shaped,
    "Less": _elementwise(np.less),
    "Mod": _mod,
    "Mul": _elementwise(np.multiply),
    "Not": _elementwise(np.logical_not),
    "Pow": _power,
    "Range": _range,
    "Reshape": _as_shaped,
    "Slice": _slice,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _as_shaped,
    "Sub": _elementwise(np.subtract),
    "Transpose": lambda d, x: np.transpose(x, d.attribute("perm")),
    "Unsqueeze": _as_shaped,
    "Where": _elementwise(np.where),
}
"""By operator; the result takes its shape from the closed form of its type."""
