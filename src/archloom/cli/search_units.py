"""Commands of AutoBuild's reduced spaces: ``archloom search-units | evaluate-units``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from archloom.cli.app import app, err, out
from archloom.cli.optimise import progress_bar
from archloom.errors import ConfigError

if TYPE_CHECKING:
    from archloom.search.figures import Costly
    from archloom.search.units.search import UnitFront
    from archloom.search.units.space import UnitSpace
    from archloom.search.units.supernet_accuracy import TrainedSubnets

Spaces = Annotated[
    list[Path],
    typer.Argument(help="space.json of rank-units; the units of several are joined."),
]
Objectives = Annotated[
    list[str],
    typer.Option(
        "--objective",
        help="What counts, [max:|min:]NAME[=SOURCE], repeatable; less is better but for max:. "
        "SOURCE: a predictor (.safetensors), a table of networks with that column (.parquet), "
        "measured or estimated (latency in ms, here), supernet (accuracy, see --images), or "
        "PACKAGE.MODULE:FUNCTION of the graph; none for flops, params, activations, latency.",
    ),
]
Also = Annotated[
    list[str],
    typer.Option(
        help="NAME[=SOURCE], repeatable: a figure that is no objective, for constraints; in the "
        "tables, too."
    ),
]
Constraints = Annotated[
    list[str],
    typer.Option(
        "--constraint", help='Limit of an objective or of --also, repeatable, such as "latency<=8".'
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        help="Checkpoint of the Once-for-All supernet (.pth or .safetensors): weights of the "
        "networks that are written, which are untrained without it, and of max:acc=supernet."
    ),
]
Images = Annotated[
    Path | None,
    typer.Option(
        help="Folder of images as train/CLASS/* and val/CLASS/*: for max:acc=supernet, and to "
        "measure the batch norms of networks of the supernet."
    ),
]
Resolution = Annotated[int, typer.Option(min=32, help="Height and width of the input in pixels.")]
_SHOWN = 12


@app.command()
def search_units(
    spaces: Spaces,
    to: Annotated[Path, typer.Option("--to", help="Folder for the front: CSV, JSON, ONNX.")],
    objective: Objectives,
    also: Also = [],  # noqa: B006  # typer copies it
    constraint: Constraints = [],  # noqa: B006
    first: Annotated[int, typer.Option(help="Random networks at the start.")] = 50,
    iterations: Annotated[int, typer.Option(help="Rounds of mutation.")] = 4,
    children: Annotated[int, typer.Option(help="New networks per round.")] = 50,
    fronts: Annotated[
        int,
        typer.Option(
            help="Parents are the members of so many fronts, one behind the other: of one "
            "objective so many best networks."
        ),
    ] = 1,
    networks: Annotated[
        int, typer.Option(help="Members of the front to write as JSON and ONNX.")
    ] = 3,
    supernet: Checkpoint = None,
    images: Images = None,
    resolution: Resolution = 224,
    seed: Annotated[int, typer.Option(help="The same seed gives the same front.")] = 0,
    state: Annotated[
        Path | None, typer.Option(help="Folder that keeps the state, to continue a stopped search.")
    ] = None,
) -> None:
    """Search for the best networks made of the best units: a Pareto front of the objectives, or the
    best network that constraints permit.

    Example: archloom search-units ranked/space.json --to front/ --objective max:acc=acc.safetensors
    --objective latency=gpu.safetensors
    """
    from archloom.report.autobuild.front import write_unit_front
    from archloom.search.constraints import Constraint
    from archloom.search.units.search import UnitSearchSettings
    from archloom.search.units.search import search_units as search
    from archloom.search.units.variation import UnitVariation

    constraints = [Constraint.parse(text) for text in constraint]
    space = joined_space(spaces, resolution)
    trained = subnets_of(supernet, images, space.family, resolution)
    figures = figures_of([*objective, *also], space.family, resolution, trained)
    settings = UnitSearchSettings(first, iterations, children, fronts)
    with progress_bar() as progress:
        found = search(
            UnitVariation(space),
            figures[: len(objective)],
            settings,
            also=figures[len(objective) :],
            constraints=constraints,
            seed=seed,
            folder=state,
            progress=progress,
        )
    written = write_unit_front(
        found,
        space.family,
        to,
        networks=networks,
        resolution=resolution,
        weights=trained.weights if trained else None,
    )
    out.print(_front_table(found))
    if written:
        words = trained.words if trained else "untrained weights"
        out.print(f"networks {', '.join(map(str, written))} written with {words}")
    out.print(f"{len(found.visited):,} networks evaluated; wrote {to}")


@app.command()
def evaluate_units(
    spaces: Spaces,
    to: Annotated[Path, typer.Option("--to", help="Parquet file for all networks.")],
    objective: Objectives,
    state: Annotated[
        Path, typer.Option(help="Folder that keeps what is done, shared by all shards.")
    ],
    shard: Annotated[
        str,
        typer.Option(
            help="Do only this part, such as 2/4 (or 2of4); the table waits for all parts."
        ),
    ] = "1/1",
    chunk: Annotated[int, typer.Option(min=1, help="Networks per file of the state.")] = 256,
    supernet: Checkpoint = None,
    images: Images = None,
    resolution: Resolution = 224,
) -> None:
    """Evaluate every network of a reduced space; a stopped run goes on where it was.

    Example: archloom evaluate-units ranked/space.json --to all.parquet --state all/ --objective
    max:acc=acc.safetensors
    """
    import numpy as np

    from archloom.parquet import write_parquet
    from archloom.search.units.exhaustive import evaluate_space, gather_space
    from archloom.shards import Shard

    part = Shard.parse(shard)
    space = joined_space(spaces, resolution)
    trained = subnets_of(supernet, images, space.family, resolution)
    figures = figures_of(objective, space.family, resolution, trained)
    evaluate_space(space, figures, state, part, chunk=chunk)
    if part.total > 1:
        out.print(f"part {shard} of {space.n_networks:,} networks is done; run the others, then")
        out.print("the same command without --shard writes the table")
        return
    table = gather_space(state)
    write_parquet(table, to)
    shown = Table("objective", "networks", "mean", "std", "min", "max")
    for one in figures:
        values = table[one.name].to_numpy()
        known = values[np.isfinite(values)]
        numbers = (known.mean(), known.std(), known.min(), known.max()) if len(known) else ()
        shown.add_row(one.name, f"{len(known):,}", *(f"{number:.5g}" for number in numbers))
    out.print(shown)
    out.print(f"{len(table):,} networks; wrote {to}")


def joined_space(paths: list[Path], resolution: int) -> UnitSpace:
    """Return the space of all units; raises ``ConfigError`` for an input size, in pixels, that its
    family does not have.
    """
    from archloom.search.units.space import UnitSpace, joined
    from archloom.views.sequence import skeleton_at

    found = joined([UnitSpace.read(path) for path in paths])
    skeleton_at(found.family, resolution)
    return found


def subnets_of(
    checkpoint: Path | None, images: Path | None, family: str, resolution: int
) -> TrainedSubnets | None:
    """Return the networks of a supernet at an input size in pixels, None without one."""
    from archloom.search.units.supernet_accuracy import TrainedSubnets

    if checkpoint is None:
        if images is not None:
            raise ConfigError(f"--images {images}: give the --supernet that is to see them, too.")
        return None
    return TrainedSubnets.read(checkpoint, family, images, resolution)


def figures_of(
    texts: list[str], family: str, resolution: int, trained: TrainedSubnets | None
) -> list[Costly[str]]:
    """Return what networks are judged by, at an input size in pixels."""
    from archloom.search.units.figures import figure_of

    supernet = trained.figure if trained else None
    figures = [figure_of(text, family, resolution, supernet) for text in texts]
    names = [one.name for one in figures]
    if len(set(names)) < len(names):
        raise ConfigError(f"objectives {', '.join(names)}: give each name once.")
    return figures


def _front_table(found: UnitFront) -> Table:
    """Return the best members of the front for the terminal."""
    shown = Table("rank", *found.names, "architecture")
    for rank, (values, architecture) in enumerate(
        zip(found.values.tolist(), found.architectures, strict=True), start=1
    ):
        if rank > _SHOWN:
            err.print(f"{len(found) - _SHOWN} more members are in front.csv", style="dim")
            break
        shown.add_row(str(rank), *(f"{value:.5g}" for value in values), architecture)
    return shown
