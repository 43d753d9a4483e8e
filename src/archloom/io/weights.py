"""Weights of a graph: a safetensors file and, beside it, a JSON card (format
``archloom-weights/1``).

``NAME.safetensors`` holds the tensors by ``{node id}.{name}``, ``NAME.json`` says what they are:
graph hash and name, tensor shapes, SHA-256 of the tensor file, and whatever the writer adds
(recipe, accuracy, ...).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import FormatError
from archloom.files import reader, replacing, write_text
from archloom.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "archloom-weights/1"


def write_weights(
    path: str | Path,
    weights: Mapping[str, Tensor | NDArray[Any]],
    graph: Graph,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write ``weights`` of ``graph`` to ``path`` (.safetensors) and its card beside it.

    ``facts`` (JSON values) are added to the card. Each file is replaced as a whole; the card comes
    last, so that a card never describes tensors that are not there.
    """
    target = Path(path)
    tensors = {
        name: one if isinstance(one, np.ndarray) else one.detach().cpu().contiguous()
        for name, one in weights.items()
    }
    card_path(target).unlink(missing_ok=True)
    with replacing(target) as temporary:
        about = json.dumps({"format": FORMAT, "graph": graph.hash})
        save_tensors(temporary, tensors, {"archloom": about})  # one entry: several have no order
        digest = _digest(temporary)
    card = {
        "format": FORMAT,
        "graph": graph.hash,
        "name": graph.name,
        "family": graph.family,
        "sha256": digest,
        "tensors": {name: list(tensor.shape) for name, tensor in sorted(tensors.items())},
        "facts": dict(facts or {}),
    }
    write_text(card_path(target), json.dumps(card, indent=1, sort_keys=True) + "\n")


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor | NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file with the usual permissions; the library's own ``save_file`` makes
    files that nobody else may read. Arrays are written without PyTorch.
    """
    are_arrays = all(isinstance(one, np.ndarray) for one in tensors.values())
    library = import_module("safetensors.numpy" if are_arrays else "safetensors.torch")
    path.write_bytes(library.save(dict(tensors), dict(metadata)))


@reader("weights", "get them again")
def read_weights(
    path: str | Path, graph: Graph | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors in ``path`` and their card.

    Raises ``FormatError`` when file or card is missing, damaged or of another format, or when
    ``graph`` is given and the weights are another graph's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    target = Path(path)
    card = read_card(target)
    try:
        if _digest(target) != card["sha256"]:
            raise FormatError(f"{target} is not the file its card describes: get both again.")
        tensors = load_file(target)
    except (OSError, SafetensorError) as error:
        raise FormatError(f"{target} holds no readable weights ({error}): get it again.") from error
    if graph is not None and card["graph"] != graph.hash:
        raise FormatError(
            f"{target} holds the weights of graph {card['name']!r} ({card['graph']}), not of "
            f"{graph.name!r} ({graph.hash}): name the right file, or copy what fits with inherit."
        )
    return tensors, card


@reader("card of weights", "get it again")
def read_card(path: str | Path) -> dict[str, Any]:
    """Return the card of the weights in ``path``; raises ``FormatError`` as ``read_weights``."""
    source = card_path(Path(path))
    try:
        card = json.loads(source.read_text(encoding="utf-8"))
        found = card["format"]
        complete = {"graph", "name", "sha256"} <= card.keys()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{source} is no readable card ({error}): get it again.") from error
    if found != FORMAT or not complete:
        raise FormatError(
            f"{source} has the format {found!r} and is {'' if complete else 'not '}complete; "
            f"{FORMAT} is wanted: a newer archloom may read it."
        )
    return dict(card)


def card_path(path: Path) -> Path:
    """Return the path of the card of the weights in ``path``."""
    return path.with_suffix(".json")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
