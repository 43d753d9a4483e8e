"""Predictors of whole networks in a folder as ``make artefacts`` leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archloom.errors import DataError
from archloom.graph import Graph
from archloom.predict.gnn.predictor import GNN
from archloom.predict.kinds import load_predictor
from archloom.predict.psc.predictor import PSC
from archloom.predict.range import Place


class Predictions(NamedTuple):
    """What a predictor says of N networks, in input order.

    scores   (N,) larger is better
    places   where each lies in the predictor's range, None where that is not known: do not trust a
             score outside
    """

    scores: NDArray[np.float64]
    places: list[Place | None]


def predict(
    graphs: Sequence[Graph],
    resources: str | Path = "resources",
    *,
    kind: str = "psc",
    predictor: str | Path | None = None,
) -> Predictions:
    """Return the predicted scores of ``graphs``.

    resources   folder as ``make artefacts`` leaves it
    kind        of the predictor in that folder: psc or gnn; networks of one family are judged by
                their family's own where there is one
    predictor   file of a predictor instead

    Raises ``DataError`` naming what is missing, ``FormatError`` for a damaged or foreign file.
    """
    families = {graph.family for graph in graphs}
    family = families.pop() if len(families) == 1 else ""
    judge = open_predictor(predictor or predictor_file(resources, kind, family), resources)
    return Predictions(judge.predict(graphs), judge.places(graphs))


def predictor_file(folder: str | Path, kind: str = "psc", family: str = "") -> Path:
    """Return the file of a predictor in ``folder`` (``resources``, for example).

    kind     of the predictor: psc or gnn
    family   whose own predictor is taken where there is one, else that of all families
    """
    own, common = (
        Path(folder) / "predictors" / group / f"{kind}.safetensors" for group in (family, "all")
    )
    return own if family and own.exists() else common


def check_there(*paths: Path) -> None:
    """Raise ``DataError`` naming the first of the artefacts that is missing, and what makes it."""
    for path in paths:
        if not path.exists():
            raise DataError(
                f"{path} is missing: {_remedy(path)}; or name the folder or file that has it."
            )


def _remedy(path: Path) -> str:
    """Return what makes an artefact in ``resources``."""
    if path.stem == GNN.kind:
        return (
            "`make artefacts` makes predictors of kind psc only, "
            "`snakemake --profile profiles/local resources/predictors/all/gnn.safetensors` makes "
            "this one (minutes on two cores)"
        )
    return (
        "`make artefacts` makes vocabulary, segments and predictor in resources/ (minutes on two "
        "cores)"
    )


def open_predictor(path: str | Path, folder: str | Path) -> GNN | PSC:
    """Read the predictor in ``path``; one that reads segments cuts them by the vocabulary in
    ``folder``, others need nothing of it.

    Raises ``DataError`` naming what is missing, ``FormatError`` for a damaged or foreign file.
    """
    check_there(Path(path))
    predictor = load_predictor(path, kinds=(GNN, PSC))
    if isinstance(predictor, PSC):
        from archloom.segments.tokeniser import Tokeniser
        from archloom.segments.vocabulary import Vocabulary

        vocabulary = Path(folder) / "vocabulary.json"
        check_there(vocabulary)
        predictor.segment = Tokeniser(Vocabulary.load(vocabulary)).segment
    return predictor
