"""Command that judges networks: ``archloom predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archloom.cli.app import app, out
from archloom.cli.arguments import (
    InputShape,
    Kind,
    Resources,
    chosen_kind,
    graphs_of,
    read_file,
    warn_of_range,
)


@app.command()
def predict(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Networks: graph JSON, ONNX models, frozen TensorFlow graphs (.pb), Parquet graph "
            "stores, reference pickles."
        ),
    ],
    resources: Resources = Path("resources"),
    kind: Kind = "psc",
    predictor: Annotated[
        Path | None,
        typer.Option(help="File of a predictor (.safetensors) instead of one of that folder."),
    ] = None,
    input_shape: InputShape = [],  # noqa: B006  # typer copies it
) -> None:
    """Rank networks by predicted score, best first.

    Example: archloom predict resources/graphs/nb201.parquet my.onnx --kind gnn
    """
    import numpy as np
    from rich.table import Table

    from archloom.graph import flops
    from archloom.predict.artefacts import predict as judge

    graphs = [graph for file in files for graph in graphs_of(read_file(file, input_shape))]
    scores, places = judge(graphs, resources, kind=chosen_kind(kind), predictor=predictor)
    table = Table("rank", "score", "MFLOPs", "graph", "in range")
    for rank, index in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1):
        graph, place = graphs[index], places[index]
        row = (f"{scores[index]:.4f}", f"{flops(graph) / 1e6:,.1f}", graph.name or graph.hash)
        table.add_row(str(rank), *row, "?" if place is None else "yes" if place.inside else "no")
    out.print(table)
    warn_of_range(places)
