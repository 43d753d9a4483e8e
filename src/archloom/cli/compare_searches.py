"""Command that sets AutoBuild's search beside its baselines: ``archloom compare-searches``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from archloom.cli.app import app, out
from archloom.cli.bars import step_bar
from archloom.cli.search_units import (
    Checkpoint,
    Images,
    Objectives,
    Resolution,
    Spaces,
    figures_of,
    joined_space,
    subnets_of,
)
from archloom.errors import ConfigError

if TYPE_CHECKING:
    from archloom.report.autobuild.folder import MethodRow
    from archloom.search.figures import Costly

Device = Literal["npu", "gpu", "cpu", "n10", "max_acc"]


@app.command()
def compare_searches(
    spaces: Spaces,
    to: Annotated[Path, typer.Option("--to", help="Folder for tables and pictures.")],
    objective: Objectives,
    device: Annotated[
        Device | None,
        typer.Option(
            help="Whose insights, found by hand, Layer-Insight takes; without it that method is "
            "left out. Once-for-All families only."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Searches per method.")] = 10,
    first: Annotated[int, typer.Option(help="Random networks at the start.")] = 50,
    iterations: Annotated[int, typer.Option(help="Rounds of mutation.")] = 4,
    children: Annotated[int, typer.Option(help="New networks per round.")] = 50,
    worst: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Where hypervolumes begin: the figure to be large, the one to be small; default: "
            "the worst that any search evaluated."
        ),
    ] = None,
    supernet: Checkpoint = None,
    images: Images = None,
    resolution: Resolution = 224,
    seed: Annotated[int, typer.Option(help="Seed of the first search of each method.")] = 0,
) -> None:
    """Tell whether searching the best units pays: search them, and with the same budget all units
    and all blocks, as often as seeds are asked for.

    Example: archloom compare-searches ranked/space.json --to compared/ --device gpu --objective
    max:acc=acc.safetensors --objective latency=gpu.safetensors
    """
    import numpy as np

    from archloom.report.autobuild.comparison import worst_point, write_comparison
    from archloom.report.autobuild.folder import headline
    from archloom.search.units.comparison import compare_methods, methods
    from archloom.search.units.search import UnitSearchSettings

    space = joined_space(spaces, resolution)
    trained = subnets_of(supernet, images, space.family, resolution)
    gain, cost = _pair(figures_of(objective, space.family, resolution, trained))
    variations = methods([space], device or "")
    settings = UnitSearchSettings(first, iterations, children)
    with step_bar("searches") as update:
        visited = compare_methods(
            variations,
            [gain, cost],
            settings,
            range(seed, seed + seeds),
            lambda done, total: update(completed=done, total=total),
        )
    names = (gain.name, cost.name)
    begin = worst_point(visited, names) if worst is None else np.array(worst)
    rows = write_comparison(visited, names, to, begin)
    out.print(_methods_table(rows))
    out.print(headline(rows)[1], highlight=False)
    out.print(
        f"hypervolumes begin at {gain.name} {begin[0]:.5g}, {cost.name} {begin[1]:.5g}; wrote {to}"
    )


def _pair(figures: Sequence[Costly[str]]) -> tuple[Costly[str], Costly[str]]:
    """Return the objective to be large and the one to be small."""
    if sorted(one.maximise for one in figures) != [False, True]:
        raise ConfigError(
            f"objectives {', '.join(one.name for one in figures)}: methods are compared by two, "
            "one of which more is better and one of which less is. Write --objective "
            "max:NAME=SOURCE --objective NAME=SOURCE."
        )
    gain, cost = sorted(figures, key=lambda one: not one.maximise)
    return gain, cost


def _methods_table(rows: Sequence[MethodRow]) -> Table:
    """Return the methods for the terminal."""
    shown = Table("method", "networks", "hypervolume", "AutoBuild ahead", "p", box=None)
    for one in rows:
        own = one.won is None
        shown.add_row(
            one.method,
            f"{one.evaluated:.0f}",
            f"{one.mean:.5g} ± {one.std:.2g}",
            "" if own else f"{one.won} of {one.searches}",
            "" if own else f"{one.chance:.2g}",
        )
    return shown
