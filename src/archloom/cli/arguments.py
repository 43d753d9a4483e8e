"""Arguments that several commands share, and the networks and predictors that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archloom.cli.app import err
from archloom.errors import ConfigError
from archloom.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor

    from archloom.io.importing.model import Model
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


def read_network(
    file: Path, weights: Path | None, input_shape: list[str]
) -> tuple[Graph, Mapping[str, Tensor] | None]:
    """Return the network in ``file`` with its weights: those given, or those inside a model."""
    from archloom.io import read_graph

    model = read_model_with_notes(file, input_shape)
    graph = read_graph(file) if model is None else model.graph
    if weights is not None:
        from archloom.io.weights import read_weights

        return graph, read_weights(weights, graph)[0]
    return graph, None if model is None else model.weights


def read_model_with_notes(file: Path, input_shape: list[str]) -> Model | None:
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


def chosen_kind(kind: str) -> str:
    """Return the kind of predictor; ``ConfigError`` where there is no such kind."""
    if kind not in ("psc", "gnn"):
        raise ConfigError(f"--kind {kind}: write psc or gnn.")
    return kind


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
            markup=False,
            highlight=False,
        )
