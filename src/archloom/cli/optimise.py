"""Commands of AutoGO: ``archloom optimise``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from archloom.cli.app import app, err, out
from archloom.cli.arguments import (
    File,
    InputShape,
    Kind,
    Resources,
    chosen_family,
    chosen_kind,
    read_network,
    warn_of_range,
)
from archloom.cli.bars import step_bar

if TYPE_CHECKING:
    from archloom.search.graphs.result import SearchResult

_UNLIMITED = 1_000_000  # rounds, where another budget ends a search


@app.command()
def optimise(
    file: File,
    to: Annotated[Path, typer.Argument(help="Folder for the front: JSON, ONNX, SVG, tables.")],
    resources: Resources = Path("resources"),
    kind: Kind = "psc",
    family: Annotated[
        str,
        typer.Option(
            help="Whose operations are permitted: a family of networks, such as nb201, or generic; "
            "default: the graph's own family, where it has none generic."
        ),
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
            help="What to make better, [max:|min:]NAME[=SOURCE], repeatable: score, flops, params, "
            "activations, latency, latency=measured, latency=TABLE.csv, NAME=MODULE:FUNCTION."
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
    segment_ranking: Annotated[
        Path | None,
        typer.Option(
            help="Draw replacements by this ranking (archloom rank-segments), not uniformly."
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
    from archloom.report.autogo.front import write_front
    from archloom.search.graphs.optimise import Artefacts
    from archloom.search.graphs.optimise import optimise as search
    from archloom.search.graphs.settings import SearchSettings

    wanted = chosen_family(family)
    graph, tensors = read_network(file, weights, input_shape)
    settings = SearchSettings(
        unit=unit,
        family=wanted or graph.family,
        iterations=iterations or (_UNLIMITED if minutes or max_visited else 5),
        top_k=top_k,
        objectives=tuple(objective),
        constraints=tuple(constraint),
        minutes=minutes,
        max_visited=max_visited,
        latency_threads=threads,
    )
    artefacts = Artefacts.load(
        resources, chosen_kind(kind), settings.family, ranking=segment_ranking
    )
    with progress_bar() as progress:
        result = search(
            graph, artefacts, settings, seed=seed, n_jobs=n_jobs, folder=state, progress=progress
        )
    coverages = write_front(result, to, tensors)
    out.print(_front_table(result, coverages))
    if result.goals.timing:
        out.print(f"measured: {result.goals.timing.words}, in turns with the input", style="dim")
    if any(member.confirmed is False for member in result):
        out.print("* misses a limit when measured", style="dim")
    warn_of_range([result.place, *(member.place for member in result)])
    if not result.members:
        from archloom.search.graphs.misses import why_nothing

        err.print(why_nothing(result), markup=False, highlight=False)
    if result.stopped == "time":
        err.print("the time was up: another run of this seed may end elsewhere.")
    out.print(f"{len(result.visited):,} graphs scored; wrote {to}")


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
            cells.append(
                f"{member.latency.change:+.1f} %{' *' if member.confirmed is False else ''}"
            )
        cells += [f"{100 * coverages[rank - 1]:.1f} %"] if coverages else []
        table.add_row(str(rank), *cells, str(member.graph.n_nodes), str(member.iteration))
    return table


def _short(value: float, unit: str) -> str:
    """Return a figure in four digits: 3.378 M, 0.1536 ms."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.4g} {prefix}{unit}"
    return f"{value:,.4g} {unit}".strip()


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, int, int], None]]:
    """Yield a progress function of a search that moves a bar on a terminal."""
    with step_bar("round {task.fields[round]}", "parents", 1, round="1") as update:

        def advance(iteration: int, iterations: int, done: int, parents: int) -> None:
            words = f"{iteration}/{iterations}" if iterations < _UNLIMITED else str(iteration)
            update(completed=done, total=parents, round=words)

        yield advance
