"""Bars of progress on a terminal; elsewhere nothing is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archloom.cli.app import err


@contextmanager
def step_bar(
    before: str, behind: str = "", total: int | None = None, **fields: Any
) -> Iterator[Callable[..., None]]:
    """Yield what moves a bar of counted steps: it takes ``completed``, ``total`` and the fields.

    before, behind   what stands beside the bar; ``{task.fields[NAME]}`` is a field
    """
    texts = TextColumn(before), TextColumn(behind)
    columns = (texts[0], BarColumn(), MofNCompleteColumn(), texts[1], TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        yield partial(bar.update, bar.add_task("", total=total, **fields))
