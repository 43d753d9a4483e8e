"""Commands on files of graphs: ``archloom inspect | convert | draw``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archloom.cli.app import app, out
from archloom.cli.arguments import File, InputShape, read_file, read_graph

if TYPE_CHECKING:
    from archloom.graph import Graph


@app.command()
def inspect(file: File, input_shape: InputShape = []) -> None:  # noqa: B006  # typer copies it
    """Show what FILE holds: size, operations, FLOPs, parameters, and whether it is valid.

    Example: archloom inspect resources/models/nb201.json
    """
    from archloom.graph import Graph

    found = read_file(file, input_shape)
    if isinstance(found, Graph):
        _show_graph(found)
    elif isinstance(found, Iterator):
        for entry in found:
            out.print(f"{entry.graph.name}  {entry.graph!r}  accuracy {entry.accuracy:.4f}")
    elif isinstance(found, Iterable):
        families = Counter(found.families())
        listed = ", ".join(f"{name or 'no family'}: {n:,}" for name, n in sorted(families.items()))
        out.print(f"graph store with {len(found):,} graphs ({listed})")
    else:
        _show_graph(found.graph, inputs=", ".join(found.inputs), outputs=", ".join(found.outputs))


@app.command()
def convert(
    file: File,
    to: Annotated[
        Path,
        typer.Argument(
            help="File to write; its ending chooses the format: .json, .cg.json, .state.json, "
            ".parquet, .onnx, .svg or .png."
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
    from archloom.io.networks import write

    found, tensors = read_file(file, input_shape), None
    if weights:
        from archloom.io.weights import read_weights

        tensors = read_weights(weights)[0]
    for written in write(found, to, tensors):
        out.print(f"wrote {written}")


@app.command()
def draw(
    file: File,
    to: Annotated[Path, typer.Argument(help="File to write, .svg or .png.")],
    parent: Annotated[
        Path | None, typer.Option(help="Draw what changed from this graph instead.")
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="vocabulary.json: colour the nodes by segment.")
    ] = None,
    input_shape: InputShape = [],  # noqa: B006
) -> None:
    """Draw FILE, or with --parent what changed from another graph.

    Example: archloom draw rank_1.json changes.png --parent input.json
    """
    from archloom.drawing.graphs import draw as draw_graph
    from archloom.drawing.graphs import draw_changes

    graph = read_graph(file, input_shape)
    if parent:
        draw_changes(read_graph(parent, []), graph, to)
    elif vocabulary:
        from archloom.segments.tokeniser import Tokeniser
        from archloom.segments.vocabulary import Vocabulary

        cut = Tokeniser(Vocabulary.load(vocabulary)).segment(graph)
        draw_graph(graph, [cut.group(k).tolist() for k in range(cut.n_groups)], to)
    else:
        draw_graph(graph, path=to)
    out.print(f"wrote {to}")


def _show_graph(graph: Graph, **more: str) -> None:
    """Print the facts of a graph, with ``more`` of them first."""
    from rich.table import Table

    from archloom.graph import OPS, flops, parameters

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
