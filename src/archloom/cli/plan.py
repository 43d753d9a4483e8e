"""Command on what the workflow would do: ``archloom plan``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archloom.cli.app import app, out
from archloom.cli.arguments import Root

if TYPE_CHECKING:
    from rich.table import Table

    from archloom.workflow.plan import PlannedStage

WIDTH = 96
WIDE_ONLY = ("cores", "reads")
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
    out.print(_table([*found, total(found)], narrow := out.is_terminal and out.width < WIDTH))
    out.print(PLAN_NOTES)
    if narrow:
        out.print(f"Cores and bytes to read are shown from {WIDTH} columns on.")


def _table(found: Sequence[PlannedStage], narrow: bool) -> Table:
    """Return the stages, the sums last; ``narrow`` is for 80 columns."""
    from rich.table import Table

    from archloom.workflow.words import duration, size

    shown = [name for name in PLAN_COLUMNS if not (narrow and name in WIDE_ONLY)]
    table = Table(*shown, box=None, padding=(0, 1, 0, 0), width=None if narrow else WIDTH)
    for column in table.columns:
        column.no_wrap, column.justify = True, "right"
    table.columns[0].justify = "left"
    for stage in found:
        if stage.rule == "total":
            table.add_section()
        mark = "*" if stage.is_assumed else ""
        cells = (
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
        by_name = dict(zip(PLAN_COLUMNS, cells, strict=True))
        table.add_row(*(by_name[name] for name in shown))
    return table
