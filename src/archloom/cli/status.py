"""Commands on runs of the workflow: ``archloom status`` and ``archloom plan``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from archloom.cli.app import app, out
from archloom.errors import DataError
from archloom.workflow.progress import State
from archloom.workflow.status import Folders, Stage, last_lines, stages
from archloom.workflow.words import duration, size

Run = Annotated[
    str, typer.Option(help="Name of the run (run.cache or run.name); empty: the one without.")
]
Root = Annotated[Path, typer.Option(help="Folder that the workflow runs in.")]

PLAN_COLUMNS = (
    "stage", "jobs", "cores", "core h", "GPU h", "longest", "memory", "reads", "writes",
)  # fmt: skip
PLAN_NOTES = (
    "Cores and memory are those of one job, at its first attempt. Hours and bytes to write are "
    "upper bounds: labels and checkpoints that are there already count as not there. Hours are "
    "from measurements on one 2.5 GHz core; * rests on an assumed speed of one GPU "
    "(archloom.workflow.estimates)."
)


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
    folders = Folders.of_run(run, root)
    found = stages(folders, root)
    if not found and not watch:
        raise DataError(
            f"nothing has run here: there are no records in {folders.resources} and no states in "
            f"{folders.logs}. Start a run, or name another one with --run and --root."
        )
    if watch:
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
    far = str(state) if state.total else f"for {duration(time.time() - state.started)}"
    return Text(f"{state.rule} {_name(state)}: {far} (on {state.place or state.host})")


def _name(state: State) -> str:
    return " ".join(state.wildcards.values()) or state.rule


def _tell_problems(stage: Stage, root: Path) -> None:
    """Print why jobs failed, the end of their logs, and where the logs are."""
    for state in (*stage.failed, *stage.killed):
        words = state.words or "killed without a word (by the system, a limit, or a lost machine)"
        out.print(f"\n{state.rule} {_name(state)}: {words}", style="red", markup=False)
        for line in last_lines(root / state.log, 5):
            out.print(f"    {line}", markup=False, highlight=False)
        out.print(f"  log: {state.log}", markup=False, highlight=False)
    missing = [path for one in stage.made if not one.is_present for path in one.record.outputs]
    if missing:
        out.print(f"\n{stage.rule}: made once, not there any more: {', '.join(missing)}")


@app.command()
def plan(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Such as results/autogo/nb201; none: everything.")
    ] = None,
    configfile: Annotated[
        list[Path] | None, typer.Option(help="Settings, as after snakemake --configfile.")
    ] = None,
    root: Root = Path("."),
) -> None:
    """Show what a target would take: jobs, cores, GPU hours, memory, bytes. Nothing is started.

    Example: archloom plan all --configfile config/full.yaml
    """
    from archloom.workflow.engine import make_plan
    from archloom.workflow.plan import stages, total

    found = stages(make_plan(targets or (), configfile or (), root=root), root)
    if not found:
        out.print("Nothing to be done.")
        return
    table = Table(*PLAN_COLUMNS, box=None)
    for column in table.columns:
        column.no_wrap, column.justify = True, "right"
    table.columns[0].justify = "left"
    for stage in [*found, total(found)]:
        if stage.rule == "total":
            table.add_section()
        mark = " *" if stage.is_assumed else ""
        table.add_row(
            stage.rule,
            f"{stage.jobs:,}",
            str(stage.threads),
            f"{stage.core_hours:,.1f}{mark}",
            f"{stage.gpu_hours:,.1f}{mark}" if stage.gpu_hours else "",
            duration(60 * stage.longest),
            size(stage.memory_mb * 1e6),
            size(stage.read) if stage.read else "",
            size(stage.written),
        )
    out.print(table)
    out.print(PLAN_NOTES)
