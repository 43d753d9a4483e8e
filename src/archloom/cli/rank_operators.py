"""Commands of AutoBuild for any network: ``archloom train-operators | rank-operators |
rank-segments``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from archloom.cli.app import app, err, out
from archloom.cli.arguments import File, InputShape, read_graph, warn_of_range
from archloom.cli.bars import epoch_bar
from archloom.errors import DataError

Weights = Annotated[
    Path, typer.Option(help="Predictor that archloom train-operators wrote (.safetensors).")
]


@app.command()
def train_operators(
    graphs: Annotated[Path, typer.Argument(help="Parquet graph store.")],
    labels: Annotated[Path, typer.Argument(help="Label table of these graphs (.parquet).")],
    to: Annotated[Path, typer.Argument(help="Predictor to write (.safetensors).")],
    target: Annotated[
        str,
        typer.Option(help="What is to be large: an expression over the metrics of the labels."),
    ] = "accuracy",
    epochs: Annotated[int, typer.Option(help="Passes over the networks.")] = 60,
    batch_size: Annotated[int, typer.Option(help="Networks per step.")] = 32,
    seed: Annotated[int, typer.Option(help="The same seed gives the same predictor.")] = 0,
) -> None:
    """Learn a metric of networks of any kind, and which of their operators make it.

    Example: archloom train-operators resources/graphs/nb201.parquet labels/digits/nb201.parquet
    operators.safetensors
    """
    from archloom.predict.dataset import labelled_graphs
    from archloom.predict.norms.training import NormTraining
    from archloom.predict.operators.predictor import OperatorPredictor

    settings = NormTraining(epochs=epochs, batch_size=batch_size, seed=seed)
    data = labelled_graphs(graphs, labels, target)
    with epoch_bar(epochs) as advance:
        predictor = OperatorPredictor.fit(data, target, settings, on_epoch=advance)
    predictor.save(to)
    found = predictor.card.metrics
    hops = ", ".join(f"{value:.3f}" for value in found["srcc_per_hop"])
    out.print(
        f"rank correlation on {found['networks']} test networks: {found['srcc']:.3f}; of the norms "
        f"by hop: {hops}"
    )
    shown = Table("operator", "importance on its own", box=None)
    for name, value in predictor.operator_scalars().items():
        shown.add_row(name, f"{value:.4f}")
    out.print(shown)
    out.print(f"wrote {to}")


@app.command()
def rank_operators(
    file: File,
    to: Annotated[Path, typer.Argument(help="Folder for table and picture.")],
    predictor: Weights,
    input_shape: InputShape = [],  # noqa: B006  # typer copies it
) -> None:
    """Tell which operators of FILE matter for the metric that a predictor was trained on.

    Example: archloom rank-operators my.onnx ranked/ --predictor operators.safetensors
    """
    from archloom.predict.operators.predictor import OperatorPredictor

    _check_there(predictor)
    judge = OperatorPredictor.load(predictor)
    graph = read_graph(file, input_shape)
    found = judge.importance(graph)
    found.write(to / "operators.csv")
    found.draw(to / "operators.svg")
    shown = Table("operator", "nodes", "mean importance", box=None)
    for name, (count, mean) in found.by_operator().items():
        shown.add_row(name, str(count), f"{mean:+.3f}")
    out.print(shown)
    out.print(f"predicted {judge.card.target}: {judge.predict([graph])[0]:.6g}")
    warn_of_range(judge.places([graph]))
    unseen = judge.unseen(graph)
    if unseen:
        err.print(
            f"operators that did not occur in training: {', '.join(unseen)}. What is said of them "
            "is arbitrary.",
            style="yellow",
        )
    out.print(f"{graph.n_nodes:,} nodes ranked; wrote {to}")


@app.command()
def rank_segments(
    segments: Annotated[Path, typer.Argument(help="Folder of a segment database.")],
    to: Annotated[Path, typer.Argument(help="Ranking to write (.parquet).")],
    predictor: Weights,
    top_k: Annotated[int, typer.Option(min=1, help="Segments that are shown.")] = 10,
) -> None:
    """Rank a segment database by importance, for archloom optimise --segment-ranking.

    Example: archloom rank-segments resources/segments ranking.parquet
    --predictor operators.safetensors
    """
    import numpy as np

    from archloom.predict.operators.predictor import OperatorPredictor
    from archloom.search.graphs.mutation import segment_text
    from archloom.segments.ranking import write_ranking
    from archloom.segments.tables import read_database

    _check_there(predictor)
    judge, database = OperatorPredictor.load(predictor), read_database(segments)
    ranking = judge.rank_segments(database)
    write_ranking(ranking, to)
    best = ranking.scores[database.representative]
    shown = Table("rank", "score", "segment", box=None)
    for rank, topology in enumerate(np.argsort(-best, kind="stable")[:top_k].tolist(), start=1):
        graph = database.graph(int(database.representative[topology]))
        shown.add_row(str(rank), f"{best[topology]:+.3f}", segment_text(graph, graph.order))
    out.print(shown)
    out.print(
        f"{len(ranking.scores):,} segments of {database.n_topologies:,} topologies; wrote {to}"
    )


def _check_there(predictor: Path) -> None:
    """Raise ``DataError`` that says how to make a predictor that is missing."""
    if not predictor.exists():
        raise DataError(
            f"{predictor} is missing: archloom train-operators GRAPHS LABELS {predictor} makes it, "
            "for example of resources/graphs/nb201.parquet labels/digits/nb201.parquet."
        )
