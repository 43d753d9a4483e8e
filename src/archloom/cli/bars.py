"""Bars of progress on a terminal; elsewhere nothing is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from archloom.cli.app import err


@contextmanager
def step_bar(
    before: str, behind: str = "", total: int | None = None, **fields: Any
) -> Iterator[Callable[..., None]]:
    """Yield what moves a bar of counted steps: it takes ``completed``, ``total`` and the fields.

    before, behind   what stands beside the bar; ``{task.fields[NAME]}`` is a field
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    texts = TextColumn(before), TextColumn(behind)
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), texts[1], TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        yield partial(bar.update, bar.add_task("", total=total, **fields))


@contextmanager
def epoch_bar(epochs: int) -> Iterator[Callable[[int, float], None]]:
    """Yield what moves a bar of epochs and shows the loss."""
    with step_bar("training", "loss {task.fields[loss]}", epochs, loss="") as update:
        yield lambda epoch, loss: update(completed=epoch, loss=f"{loss:.4f}")


@contextmanager
def byte_bar(words: str) -> Iterator[Callable[..., None]]:
    """Yield what moves a bar of bytes: it takes ``completed``, ``advance`` and ``total``."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    rest = (TransferSpeedColumn(), TimeRemainingColumn())
    shown = err.is_terminal
    with Progress(*columns, *rest, console=err, disable=not shown, transient=True) as bar:
        yield partial(bar.update, bar.add_task(words, total=None))
