"""Commands of AutoBuild: ``archloom rank-units``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from archloom.cli.app import app, err, out

if TYPE_CHECKING:
    pass


@app.command()
def rank_units(
    table: Annotated[
        Path,
        typer.Argument(
            help="Parquet file of block networks: architecture, or depths, kernels and expands; "
            "the other columns are metrics."
        ),
    ],
    to: Annotated[
        Path, typer.Argument(help="Folder for the predictor, the ranked units and the space.")
    ],
    family: Annotated[str, typer.Option(help="ofa_mbv3, ofa_mbv3_w10 or ofa_pn.")] = "ofa_mbv3",
    target: Annotated[
        str,
        typer.Option(
            help="What is to be large: an expression over the metrics, such as "
            '"100**acc / log10(latency_gpu)".'
        ),
    ] = "acc",
    top_k: Annotated[int, typer.Option(min=1, help="Units per stage that are shown and kept.")] = 5,
    epochs: Annotated[int, typer.Option(help="Passes over the networks.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed gives the same ranking.")] = 0,
) -> None:
    """Tell which building blocks matter: learn a metric of networks and rank all their stages.

    Example: archloom rank-units measured.parquet ranked/ --target "acc - 0.01*latency_gpu"
    """
    from archloom.data.block_table import read_block_table
    from archloom.predict.block_training import BlockTraining
    from archloom.predict.blocks import BlockPredictor
    from archloom.views.sequence import mobile_space

    settings = BlockTraining(epochs=epochs, seed=seed)
    labels = read_block_table(table, mobile_space(family)).labelled(target)
    with epoch_bar(epochs) as advance:
        predictor = BlockPredictor.fit(labels, settings, on_epoch=advance)
    scored = predictor.score_units()
    shown = Table("unit", "rank", "score", "blocks")
    for indices in scored.best(top_k):
        for rank, index in enumerate(indices.tolist(), start=1):
            unit = str(scored.units.unit[index] + 1) if rank == 1 else ""
            shown.add_row(unit, str(rank), f"{scored.score[index]:.6g}", scored.units.blocks[index])
    predictor.save(to / "predictor.safetensors")
    for name in ("units.parquet", "units.csv"):
        scored.write(to / name)
    scored.write_space(to / "space.json", top_k)
    out.print(shown)
    found = predictor.card.metrics
    hops = ", ".join(f"{value:.3f}" for value in found["srcc_per_hop"])
    out.print(
        f"rank correlation on {found['networks']} test networks: {found['srcc']:.3f}; of the norms "
        f"at hops 0 to 4: {hops}"
    )
    out.print(f"{len(scored):,} units scored; wrote {to}")


@contextmanager
def epoch_bar(epochs: int) -> Iterator[Callable[[int, float], None]]:
    """Yield what moves a bar of epochs on a terminal and shows the loss."""
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("training", total=epochs, loss="")
        yield lambda epoch, loss: bar.update(task, completed=epoch, loss=f"{loss:.4f}")
