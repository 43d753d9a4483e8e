"""Compilation of loops that no array library has, by Numba."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

_REORDER = {"reassoc", "contract", "arcp", "nsz"}
"""What a compiler may do with sums; values that are not finite stay what they are."""


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers when it is first called, and keep that for other
    processes.
    """
    loops = njit(fastmath=_REORDER, error_model="numpy")(function)
    # Where no folder can be written to, every process compiles for itself.
    with suppress(RuntimeError):
        loops.enable_caching()
    return cast(Function, loops)
