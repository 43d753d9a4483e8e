"""Command of AutoBuild: ``archloom rank-units``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from archloom.cli.app import app, out
from archloom.cli.bars import epoch_bar

if TYPE_CHECKING:
    from archloom.predict.blocks.scores import ScoredUnits


@app.command()
def rank_units(
    table: Annotated[
        Path,
        typer.Argument(
            help="Parquet file of block networks: architecture (arch_str and arch of the "
            "benchmarks), or depths, kernels and expands; the other columns are metrics."
        ),
    ],
    to: Annotated[
        Path, typer.Argument(help="Folder for the predictor, the ranked units and the space.")
    ],
    family: Annotated[
        str, typer.Option(help="ofa_mbv3, ofa_mbv3_w10, ofa_pn, nb201 or nb_macro.")
    ] = "ofa_mbv3",
    target: Annotated[
        str,
        typer.Option(
            help="What is to be large: an expression over the metrics, such as "
            '"100**acc / log10(latency_gpu)".'
        ),
    ] = "acc",
    top_k: Annotated[int, typer.Option(min=1, help="Units per stage that are shown and kept.")] = 5,
    epochs: Annotated[int, typer.Option(help="Passes over the networks.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same ranking.")] = 0,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="How many predictors are trained, from this seed on. Units are ranked by the mean "
            "of their scores, and how far the predictors agree is told.",
        ),
    ] = 1,
    contexts: Annotated[
        int,
        typer.Option(
            min=0,
            help="Score a unit by the mean prediction for this many networks that it is put into; "
            "0: by the norm of its embedding, as AutoBuild was published, which is less reliable.",
        ),
    ] = 3,
    soft_ranks: Annotated[
        Literal["own", "torchsort"],
        typer.Option(help="own, or torchsort for those of that package, if it is installed."),
    ] = "own",
) -> None:
    """Tell which building blocks matter: learn a metric of networks and rank all their units, which
    are stages, or the states of a cell of NAS-Bench-201.

    Example: archloom rank-units measured.parquet ranked/ --target "acc - 0.01*latency_gpu"
    """
    from archloom.data.block_table import read_block_table
    from archloom.predict.blocks import ranking
    from archloom.predict.blocks.task import BlockTraining
    from archloom.views.sequence import block_family

    settings = BlockTraining(epochs=epochs, seed=seed, soft_ranks=soft_ranks)
    labels = read_block_table(table, block_family(family)).labelled(target)
    wanted = range(seed, seed + seeds)
    with epoch_bar(epochs) as advance:
        found = ranking.rank_units(labels, settings, wanted, contexts=contexts, on_epoch=advance)
    found.write(to, top_k)
    _show_units(found.scored, top_k)
    _show_importance(found.importance)
    for one, predictor in zip(found.seeds, found.predictors, strict=True):
        _show_quality(predictor.card.metrics, f"seed {one}: " if seeds > 1 else "")
    for line in found.agreed:
        out.print(line.in_words(), highlight=False)
    out.print(f"{len(found.scored):,} units scored; wrote {to}")


def _show_units(scored: ScoredUnits, top_k: int) -> None:
    """Print the best units of each place."""
    spread = ["spread"] if scored.spread is not None else []
    shown = Table("unit", "rank", "score", *spread, "blocks")
    for indices in scored.best(top_k):
        for rank, index in enumerate(indices.tolist(), start=1):
            unit = str(scored.units.unit[index] + 1) if rank == 1 else ""
            scores = [f"{scored.score[index]:.6g}"]
            if scored.spread is not None:
                scores.append(f"{scored.spread[index]:.2g}")
            shown.add_row(unit, str(rank), *scores, scored.units.blocks[index])
    out.print(shown)


def _show_importance(found: Mapping[str, Sequence[Any]]) -> None:
    """Print the importance of the features of blocks and, of each, its most important value; the
    means over the predictors.
    """
    n = len(found["features"])
    shown = Table("feature", "importance", "std over blocks", "values, most important first")
    for name in found["features"][0]:
        mean, std = (
            sum(one[name][key] for one in found["features"]) / n for key in ("mean", "std")
        )
        values = {
            value: sum(one[name][value] for one in found["values"]) / n
            for value in found["values"][0].get(name, ())
        }
        order = sorted(values, key=values.__getitem__, reverse=True)
        listed = ", ".join(f"{value.split()[-1]} ({values[value]:.3g})" for value in order)
        shown.add_row(name, f"{mean:.3g}", f"{std:.3g}", listed)
    out.print(shown)


def _show_quality(found: Mapping[str, Any], whose: str) -> None:
    """Print how a predictor did on its test networks."""
    hops = ", ".join(f"{value:.3f}" for value in found["srcc_per_hop"])
    out.print(
        f"{whose}rank correlation on {found['networks']} test networks: {found['srcc']:.3f}, mean "
        f"absolute error {found['mae']:.3g}; of the norms at hops 0 to 4: {hops}"
    )
