"""Arguments that several commands share, and what they name: networks, kinds of predictors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archloom.cli.app import err
from archloom.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from archloom.graph import Graph
    from archloom.io import LabelledGraph
    from archloom.io.importing.model import Model
    from archloom.io.store import GraphStore
    from archloom.predict.range import Place

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
Run = Annotated[
    str, typer.Option(help="Name of the run (run.cache or run.name); empty: the one without.")
]
Root = Annotated[Path, typer.Option(help="Folder that the workflow runs in.")]


def read_network(
    file: Path, weights: Path | None, input_shape: list[str]
) -> tuple[Graph, Mapping[str, Tensor] | None]:
    """Return the network in ``file`` with its weights, see ``io.read_network``; tell its notes."""
    from archloom import io

    graph, tensors, notes = io.read_network(file, weights, shapes_of(input_shape))
    tell(notes)
    return graph, tensors


def read_graph(file: Path, input_shape: list[str]) -> Graph:
    """Return the one graph in ``file``; tell its notes."""
    from archloom import io

    return io.one_graph(file, read_file(file, input_shape))


def read_file(
    file: Path, input_shape: list[str]
) -> Model | Graph | GraphStore | Iterator[LabelledGraph]:
    """Return what ``file`` holds, see ``io.read_file``; tell the notes of a model."""
    from archloom import io

    found = io.read_file(file, shapes_of(input_shape))
    tell(getattr(found, "notes", ()))
    return found


def graphs_of(found: Model | Graph | GraphStore | Iterable[LabelledGraph]) -> Iterator[Graph]:
    """Yield the graphs of what ``read_file`` returned."""
    from archloom.graph import Graph

    if isinstance(found, Graph):
        yield found
    elif isinstance(found, Iterable):
        for entry in found:
            yield entry if isinstance(entry, Graph) else entry.graph
    else:
        yield found.graph


def tell(notes: Iterable[str]) -> None:
    """Print what an import has to tell."""
    for note in notes:
        err.print(f"note: {note}", highlight=False)


def shapes_of(given: list[str]) -> tuple[int, ...] | dict[str, tuple[int, ...]] | None:
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


def chosen_kind(kind: str) -> str:
    """Return the kind of predictor; ``ConfigError`` where there is no such kind."""
    if kind not in ("psc", "gnn"):
        raise ConfigError(f"--kind {kind}: write psc or gnn.")
    return kind


def chosen_family(family: str) -> str:
    """Return the family whose operations are permitted, "" for none; ``ConfigError`` where there is
    no such family.
    """
    from archloom.segments.interface import PERMITTED_OPS
    from archloom.spaces import FAMILIES

    known = list(dict.fromkeys([*FAMILIES, *PERMITTED_OPS]))
    if family and family not in known:
        raise ConfigError(f"--family {family}: there is no such family; write {', '.join(known)}.")
    return family


def warn_of_range(places: Sequence[Place | None]) -> None:
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
            highlight=False,
        )
