"""Command on runs of the workflow: ``archloom status``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archloom.cli.app import app, out
from archloom.cli.arguments import Root, Run
from archloom.visible import visible

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from archloom.workflow.progress import State
    from archloom.workflow.status import Stage


@app.command()
def status(
    run: Run = "",
    root: Root = Path("."),
    watch: Annotated[bool, typer.Option(help="Show it again and again until Ctrl-C.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Also write it as a page with pictures, such as run.html.")
    ] = None,
) -> None:
    """Show the stages of a run: done, going on, failed; sizes, times and memory.

    Example: archloom status --watch
    """
    from archloom.errors import DataError
    from archloom.workflow.status import Folders, stages

    folders = Folders.of_run(run, root)
    found = stages(folders, root)
    if not found and not watch:
        raise DataError(
            f"nothing has run here: there are no records in {folders.resources} and no states in "
            f"{folders.logs}. Start a run, or name another one with --run and --root."
        )
    if watch:
        from rich.live import Live

        with Live(_overview(found), console=out, refresh_per_second=1) as live:
            while True:
                time.sleep(2)
                live.update(_overview(stages(folders, root)))
    out.print(_overview(found))
    for stage in found:
        _tell_problems(stage, root)
    if page is not None:
        from archloom.workflow.run_page import write_run_page

        write_run_page(folders, root, page)
        out.print(f"wrote {page}")


def _overview(found: Sequence[Stage]) -> Group:
    """Return the table of stages, and a line for each job that is running."""
    from rich.console import Group
    from rich.table import Table

    from archloom.workflow.words import duration, size

    table = Table("stage", "done", "going on", "failed", "time", "memory", "files", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for stage in found:
        failed = len(stage.failed) + len(stage.killed)
        table.add_row(
            stage.rule,
            str(len(stage.made)),
            str(len(stage.running) or ""),
            str(failed or ""),
            duration(stage.seconds) if stage.made else "",
            size(stage.memory) if stage.memory else "",
            size(stage.size) if stage.made else "",
            style="red" if failed else None,
        )
    going_on = [_going_on(state) for stage in found for state in stage.running]
    return Group(table, *going_on)


def _going_on(state: State) -> Text:
    """Return where a running job is and how far."""
    from rich.text import Text

    from archloom.workflow.words import duration

    far = str(state) if state.total else f"for {duration(time.time() - state.started)}"
    return Text(visible(f"{state.rule} {_name(state)}: {far} (on {state.place or state.host})"))


def _name(state: State) -> str:
    return " ".join(state.wildcards.values()) or state.rule


def _tell_problems(stage: Stage, root: Path) -> None:
    """Print why jobs failed, the end of their logs, and where the logs are."""
    from archloom.workflow.status import last_lines

    for state in (*stage.failed, *stage.killed):
        words = state.words or "killed without a word (by the system, a limit, or a lost machine)"
        out.print(f"\n{state.rule} {_name(state)}: {words}", style="red")
        for line in last_lines(root / state.log, 5):
            out.print(f"    {line}", highlight=False)
        out.print(f"  log: {state.log}", highlight=False)
    missing = [path for one in stage.made if not one.is_present for path in one.record.outputs]
    if missing:
        out.print(f"\n{stage.rule}: made once, not there any more: {', '.join(missing)}")
