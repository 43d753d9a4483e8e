"""Commands on graphs: ``archloom inspect | convert | draw | predict``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from archloom.cli.app import app, out
from archloom.cli.arguments import (
    File,
    InputShape,
    Kind,
    Resources,
    chosen_kind,
    read_model_with_notes,
    warn_of_range,
)
from archloom.graph import OPS, Graph, flops, parameters


@app.command()
def inspect(file: File, input_shape: InputShape = []) -> None:  # noqa: B006  # typer copies it
    """Show what FILE holds: size, operations, FLOPs, parameters, and whether it is valid.

    Example: archloom inspect resources/models/nb201.json
    """
    from archloom.io import read
    from archloom.io.store import GraphStore

    model = read_model_with_notes(file, input_shape)
    if model is not None:
        _show_graph(model.graph, inputs=", ".join(model.inputs), outputs=", ".join(model.outputs))
        return
    found = read(file)
    if isinstance(found, Graph):
        _show_graph(found)
    elif isinstance(found, GraphStore):
        families = Counter(found.families())
        listed = ", ".join(f"{name or 'no family'}: {n:,}" for name, n in sorted(families.items()))
        out.print(f"graph store with {len(found):,} graphs ({listed})")
    else:
        for entry in found:
            out.print(f"{entry.graph.name}  {entry.graph!r}  accuracy {entry.accuracy:.4f}")


@app.command()
def convert(
    file: File,
    to: Annotated[
        Path,
        typer.Argument(
            help="File to write; its ending chooses the format: .json, .cg.json, .state.json, "
            ".parquet, .onnx or .svg."
        ),
    ],
    weights: Annotated[
        Path | None, typer.Option(help="Trained weights (.safetensors) to put into an ONNX file.")
    ] = None,
    input_shape: InputShape = [],  # noqa: B006
) -> None:
    """Convert FILE to another format; the weights of a model go into an ONNX file, or beside a
    .json as .weights.safetensors.

    Example: archloom convert rank_1.json rank_1.onnx --weights rank_1.weights.safetensors
    """
    from archloom.io import read, write
    from archloom.io.weights import read_weights, write_weights

    model = read_model_with_notes(file, input_shape)
    found = read(file) if model is None else model.graph
    graphs = found if isinstance(found, Graph) else _graphs(found)
    tensors = read_weights(weights)[0] if weights else None
    ending = to.suffix.lower()
    if model is not None and tensors is None and ending == ".onnx":
        tensors = model.weights
    write(graphs, to, tensors)
    out.print(f"wrote {to}")
    if model is not None and model.weights and ending == ".json":
        beside = to.with_suffix(".weights.safetensors")
        write_weights(beside, model.weights, model.graph, {"origins": dict(model.origins)})
        out.print(f"wrote {beside}")


@app.command()
def draw(
    file: File,
    to: Annotated[Path, typer.Argument(help="SVG file to write.")],
    parent: Annotated[
        Path | None, typer.Option(help="Draw what changed from this graph instead.")
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="vocabulary.json: colour the nodes by segment.")
    ] = None,
    input_shape: InputShape = [],  # noqa: B006
) -> None:
    """Draw FILE, or with --parent what changed from another graph.

    Example: archloom draw rank_1.json changes.svg --parent input.json
    """
    from archloom.drawing.graphs import draw as draw_graph
    from archloom.drawing.graphs import draw_changes
    from archloom.io import read_graph

    model = read_model_with_notes(file, input_shape)
    graph = read_graph(file) if model is None else model.graph
    if parent:
        draw_changes(read_graph(parent), graph, to)
    elif vocabulary:
        from archloom.segments.tokeniser import Tokeniser
        from archloom.segments.vocabulary import Vocabulary

        cut = Tokeniser(Vocabulary.load(vocabulary)).segment(graph)
        draw_graph(graph, [cut.group(k).tolist() for k in range(cut.n_groups)], to)
    else:
        draw_graph(graph, path=to)
    out.print(f"wrote {to}")


@app.command()
def predict(
    files: Annotated[list[Path], typer.Argument(help="Graph files or graph stores.")],
    resources: Resources = Path("resources"),
    kind: Kind = "psc",
) -> None:
    """Rank graphs by predicted score, best first.

    Example: archloom predict resources/graphs/nb201.parquet --kind gnn
    """
    import numpy as np

    from archloom.io import read
    from archloom.search.graphs.optimise import Artefacts

    graphs = [graph for file in files for graph in _graphs(read(file))]
    families = {graph.family for graph in graphs}
    family = families.pop() if len(families) == 1 else ""
    predictor = Artefacts.load(resources, chosen_kind(kind), family).predictor
    scores, places = predictor.predict(graphs), predictor.places(graphs)
    table = Table("rank", "score", "MFLOPs", "graph", "in range")
    for rank, index in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1):
        graph, place = graphs[index], places[index]
        row = (f"{scores[index]:.4f}", f"{flops(graph) / 1e6:,.1f}", graph.name or graph.hash)
        table.add_row(str(rank), *row, "?" if place is None else "yes" if place.inside else "no")
    out.print(table)
    warn_of_range(places)


def _show_graph(graph: Graph, **more: str) -> None:
    """Print the facts of a graph, with ``more`` of them first."""
    table = Table(show_header=False, box=None)
    histogram = Counter(OPS.name(code) for code in graph.op.tolist())
    facts = {
        "name": graph.name,
        "family": graph.family or "none",
        **more,
        "hash": graph.hash,
        "nodes, edges": f"{graph.n_nodes}, {graph.n_edges}",
        "FLOPs (autogo)": f"{flops(graph):,}",
        "FLOPs (2 x MACs)": f"{flops(graph, 'mac'):,}",
        "parameters": f"{parameters(graph):,}",
        "operations": ", ".join(f"{name} {n}" for name, n in histogram.most_common()),
    }
    if graph.definitions:
        facts["fixed nodes"] = f"{int(graph.is_fixed.sum())} (kept as they are by a search)"
    for fact, value in facts.items():
        table.add_row(fact, value)
    out.print(table)


def _graphs(found: object) -> list[Graph]:
    """Return the graphs of whatever ``read`` returned."""
    if isinstance(found, Graph):
        return [found]
    return [getattr(entry, "graph", entry) for entry in found]  # type: ignore[attr-defined]
