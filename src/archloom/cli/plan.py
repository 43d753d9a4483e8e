"""Command on what the workflow would do: ``archloom plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archloom.cli.app import app, out
from archloom.cli.arguments import Root

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
    from rich.table import Table

    from archloom.workflow.engine import make_plan
    from archloom.workflow.plan import stages, total
    from archloom.workflow.words import duration, size

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
