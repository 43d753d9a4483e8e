"""The command line: ``archloom inspect | convert | draw | predict | optimise | rank-units``.

The only module of the library that prints.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from archloom.errors import ArchloomError, ConfigError
from archloom.graph import OPS, Graph, flops, parameters

if TYPE_CHECKING:
    from torch import Tensor

    from archloom.io.importing.model import Model
    from archloom.predict.range import Place
    from archloom.search.result import SearchResult

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Rank, improve, shrink and initialise neural networks through their compute graphs.",
)
_UNLIMITED = 1_000_000  # rounds, where another budget ends a search
out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)

File = Annotated[
    Path,
    typer.Argument(
        help="Graph JSON, ONNX model, frozen TensorFlow graph (.pb), Parquet graph store or "
        "reference pickle."
    ),
]
InputShape = Annotated[
    list[str],
    typer.Option(
        help="Sizes that a model leaves open, batch included, in its own order of axes: "
        "1,3,224,224, or with several inputs NAME=1,3,224,224, repeatable."
    ),
]
Resources = Annotated[
    Path,
    typer.Option(
        help="Folder with vocabulary.json, segments/, predictors/, as `make artefacts` leaves it."
    ),
]
Kind = Annotated[str, typer.Option(help="Which predictor of that folder: psc or gnn.")]


def main() -> None:
    """Run the command line; bad input ends with status 1 and one message on standard error."""
    try:
        app()
    except ArchloomError as error:
        err.print(f"error: {error}", style="bold red", markup=False, highlight=False)
        sys.exit(1)


@app.command()
def inspect(file: File, input_shape: InputShape = []) -> None:  # noqa: B006  # typer copies it
    """Show what FILE holds: size, operations, FLOPs, parameters, and whether it is valid.

    Example: archloom inspect resources/models/nb201.json
    """
    from archloom.io import read
    from archloom.io.store import GraphStore

    model = _model(file, input_shape)
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

    model = _model(file, input_shape)
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
    from archloom.io import read_graph
    from archloom.io.drawing import draw as draw_graph
    from archloom.io.drawing import draw_changes

    model = _model(file, input_shape)
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
    from archloom.search.optimise import Artefacts

    graphs = [graph for file in files for graph in _graphs(read(file))]
    families = {graph.family for graph in graphs}
    family = families.pop() if len(families) == 1 else ""
    predictor = Artefacts.load(resources, _kind(kind), family).predictor
    scores, places = predictor.predict(graphs), predictor.places(graphs)
    table = Table("rank", "score", "MFLOPs", "graph", "in range")
    for rank, index in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1):
        graph, place = graphs[index], places[index]
        row = (f"{scores[index]:.4f}", f"{flops(graph) / 1e6:,.1f}", graph.name or graph.hash)
        table.add_row(str(rank), *row, "?" if place is None else "yes" if place.inside else "no")
    out.print(table)
    _warn_of_range(places)


@app.command()
def optimise(
    file: File,
    to: Annotated[Path, typer.Argument(help="Folder for the front: JSON, ONNX, SVG, tables.")],
    resources: Resources = Path("resources"),
    kind: Kind = "psc",
    family: Annotated[
        str, typer.Option(help="Permitted operations: a family name; default: the graph's own.")
    ] = "",
    unit: Annotated[
        Literal["segment", "op"], typer.Option(help="What one mutation replaces.")
    ] = "segment",
    iterations: Annotated[
        int | None,
        typer.Option(
            help="Rounds of mutation; default 5, or as many as --minutes or --max-visited permit."
        ),
    ] = None,
    top_k: Annotated[int, typer.Option(help="Parents per round.")] = 10,
    objective: Annotated[
        list[str],
        typer.Option(
            help="What to make better, repeatable: score, flops, params, activations, latency, "
            "measured_latency, table:FILE, [min:|max:]MODULE:FUNCTION."
        ),
    ] = ["score", "flops"],  # noqa: B006  # typer copies it
    constraint: Annotated[
        list[str],
        typer.Option(
            help='Limit, repeatable: "latency<=-15%" (against the input), "params<=5e6". Besides, '
            "score>0% holds, and flops<10% if FLOPs are an objective, unless you limit them."
        ),
    ] = [],  # noqa: B006
    minutes: Annotated[
        float | None,
        typer.Option(help="Stop after this time, not counting the last measurement of latency."),
    ] = None,
    max_visited: Annotated[
        int | None, typer.Option(help="Stop after this many scored graphs.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads where latency is measured.")] = 1,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Trained weights of FILE (.safetensors) for the variants to inherit; a model such "
            "as an ONNX file brings its own."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same front.")] = 0,
    n_jobs: Annotated[int, typer.Option(help="Worker processes; no influence on results.")] = 1,
    state: Annotated[
        Path | None, typer.Option(help="Folder that keeps the state, to continue a stopped search.")
    ] = None,
    input_shape: InputShape = [],  # noqa: B006
) -> None:
    """Evolve FILE: swap segments for better ones and write the Pareto front of the objectives.

    Example: archloom optimise my.onnx better/ --objective score --objective latency
    --constraint "latency<=-15%" --minutes 10
    """
    from archloom.report.front import write_front
    from archloom.search.optimise import Artefacts
    from archloom.search.optimise import optimise as search
    from archloom.search.settings import SearchSettings

    graph, tensors = _network(file, weights, input_shape)
    settings = SearchSettings(
        unit=unit,
        family=family or graph.family,
        iterations=iterations or (_UNLIMITED if minutes or max_visited else 5),
        top_k=top_k,
        objectives=tuple(objective),
        constraints=tuple(constraint),
        minutes=minutes,
        max_visited=max_visited,
        latency_threads=threads,
    )
    artefacts = Artefacts.load(resources, _kind(kind), settings.family)
    with _progress_bar() as progress:
        result = search(
            graph, artefacts, settings, seed=seed, n_jobs=n_jobs, folder=state, progress=progress
        )
    coverages = write_front(result, to, tensors)
    out.print(_front_table(result, coverages))
    if result.goals.timing:
        out.print(f"measured: {result.goals.timing.words}, in turns with the input", style="dim")
    if not all(member.confirmed for member in result):
        out.print("* misses a limit when measured", style="dim")
    _warn_of_range([result.place, *(member.place for member in result)])
    if not result.members:
        err.print("nothing better than the input was found: try more rounds or wider limits.")
    if result.stopped == "time":
        err.print("the time was up: another run of this seed may end elsewhere.")
    out.print(f"{len(result.visited):,} graphs scored; wrote {to}")


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
    with _epoch_bar(epochs) as advance:
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


def _network(
    file: Path, weights: Path | None, input_shape: list[str]
) -> tuple[Graph, Mapping[str, Tensor] | None]:
    """Return the network in ``file`` with its weights: those given, or those inside a model."""
    from archloom.io import read_graph

    model = _model(file, input_shape)
    graph = read_graph(file) if model is None else model.graph
    if weights is not None:
        from archloom.io.weights import read_weights

        return graph, read_weights(weights, graph)[0]
    return graph, None if model is None else model.weights


def _model(file: Path, input_shape: list[str]) -> Model | None:
    """Return the model in ``file``, with its notes told; None for a file of another kind."""
    from archloom.io.kinds import is_model

    if not is_model(file):
        if input_shape:
            raise ConfigError(
                f"--input-shape {input_shape[0]}: {file} is no ONNX model or TensorFlow graph, its "
                "sizes are known: leave the option out."
            )
        return None
    from archloom.io import read_model

    model = read_model(file, _shapes(input_shape))
    for note in model.notes:
        err.print(f"note: {note}", markup=False, highlight=False)
    return model


def _shapes(given: list[str]) -> tuple[int, ...] | dict[str, tuple[int, ...]] | None:
    """Return what --input-shape says: one shape, or shapes by the name of the input."""
    named: dict[str, tuple[int, ...]] = {}
    for text in given:
        name, _, sizes = text.rpartition("=")
        try:
            named[name] = tuple(int(size) for size in sizes.split(","))
        except ValueError:
            raise ConfigError(
                f"--input-shape {text}: write sizes such as 1,3,224,224, or NAME=1,3,224,224."
            ) from None
    return named.get("", named or None) if len(named) < 2 else named


def _warn_of_range(places: Sequence[Place | None]) -> None:
    """Say so when networks are not such as the predictor was trained on; the first is the input,
    or one of many.
    """
    known = [place for place in places if place is not None]
    if not known:
        err.print("the predictor's range is not known, its file does not say: take care.")
        return
    outside = [place for place in known if not place.inside]
    if outside:
        farthest = max(outside, key=lambda place: place.distance)
        err.print(
            f"{len(outside)} of {len(known)} networks, {farthest.words}. Most different: "
            f"{'; '.join(farthest.why)}.",
            style="yellow",
            markup=False,
            highlight=False,
        )


def _front_table(result: SearchResult, coverages: Sequence[float]) -> Table:
    """Return the input with its figures and the front with their changes against it; the score has
    no unit, so its values are shown.
    """
    from archloom.search.constraints import relative_change

    figures = result.goals.figures
    timed = result.goals.timing is not None
    heads = [one.name for one in figures]
    heads += ["measured"] if timed else []
    heads += ["weights kept"] if coverages else []
    table = Table("rank", *heads, "nodes", "round", box=None)
    start = [_short(result.values[one.name], one.unit) for one in figures]
    base = next((one.latency.reference.median for one in result if one.latency), None)
    start += [_short(base, "ms") if base else ""] if timed else []
    start += [""] if coverages else []
    table.add_row("input", *start, str(result.graph.n_nodes), "")
    for rank, member in enumerate(result, start=1):
        cells = [
            _short(value, "")
            if name == "score"
            else f"{relative_change(value, result.values[name]):+.1f} %"
            for name, value in member.values.items()
        ]
        if member.latency:
            cells.append(f"{member.latency.change:+.1f} %{'' if member.confirmed else ' *'}")
        cells += [f"{100 * coverages[rank - 1]:.1f} %"] if coverages else []
        table.add_row(str(rank), *cells, str(member.graph.n_nodes), str(member.iteration))
    return table


def _short(value: float, unit: str) -> str:
    """Return a figure in four digits: 3.378 M, 0.1536 ms."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.4g} {prefix}{unit}"
    return f"{value:,.4g} {unit}".strip()


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


def _kind(kind: str) -> str:
    if kind not in ("psc", "gnn"):
        raise ConfigError(f"--kind {kind}: write psc or gnn.")
    return kind


@contextmanager
def _epoch_bar(epochs: int) -> Iterator[Callable[[int, float], None]]:
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


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int, int, int], None]]:
    """Yield a progress function of a search that moves a bar on a terminal."""
    columns = (
        TextColumn("round {task.fields[round]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("parents"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("search", total=1, round="1")

        def advance(iteration: int, iterations: int, done: int, parents: int) -> None:
            words = f"{iteration}/{iterations}" if iterations < _UNLIMITED else str(iteration)
            bar.update(task, completed=done, total=parents, round=words)

        yield advance
