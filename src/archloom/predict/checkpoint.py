"""Predictor files: safetensors with a model card (design page, section 3).

The card travels inside the file, so that weights and card cannot be mixed up; a readable copy is
written beside it. The published AutoGO checkpoints (safetensors or npz) are read as they are.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.errors import DataError, FormatError
from archloom.graph import OPS
from archloom.io.files import replacing, write_text
from archloom.predict.encoder import WIDTH, Network
from archloom.views.features import VOCABULARY_SIZE, Normalisers

FORMAT = "archloom-predictor/1"
Kind = Literal["gnn", "psc"]
WIDTHS: dict[str, int] = {"gnn": WIDTH, "psc": 3 * WIDTH}
_UNUSED = ("aggregator.", "encoder.init_ff.")  # tensors of the published files that nothing reads


def code_version() -> str:
    """Return the installed version of archloom."""
    try:
        return version("archloom")
    except PackageNotFoundError:
        return "not installed"


def op_vocabulary() -> tuple[str, ...]:
    """Return the operation behind every op index of the embedding tables."""
    return tuple(OPS.name(code) for code in range(VOCABULARY_SIZE))


@dataclass(frozen=True)
class Card:
    """What a predictor file says of itself.

    kind        : gnn (whole graph) or psc (predecessor, segment, successor)
    what        : one sentence for people
    output      : accuracy (fraction), or z-score of the accuracy within its family
    normalisers : sizes that count as 1
    labels      : per training family the mean and std that its labels were scaled with
    config      : training settings
    vocabulary  : digest of the vocabulary that cut the training graphs (psc)
    split       : digest of the split, so that test graphs stay unseen
    metrics     : what was measured at the end of training
    """

    kind: Kind
    what: str = ""
    output: Literal["accuracy", "z-score"] = "accuracy"
    normalisers: Normalisers = Normalisers()
    labels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    op_vocabulary: tuple[str, ...] = field(default_factory=op_vocabulary)
    vocabulary: str = ""
    split: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    code_version: str = field(default_factory=code_version)

    def to_json(self) -> str:
        """Return the card as JSON."""
        content = asdict(self) | {"normalisers": self.normalisers._asdict()}
        return json.dumps({"format": FORMAT, **content}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read what ``to_json`` wrote; raises ``ValueError``, ``TypeError`` or ``KeyError``."""
        content = json.loads(text)
        if content.pop("format") != FORMAT or content["kind"] not in WIDTHS:
            raise ValueError("the card is of another format or kind")
        content["normalisers"] = Normalisers(**content["normalisers"])
        content["op_vocabulary"] = tuple(content["op_vocabulary"])
        card = cls(**content)
        if card.op_vocabulary != op_vocabulary():
            raise ValueError("the op vocabulary differs from this version's")
        return card


def write_predictor(path: str | Path, network: Network, card: Card) -> None:
    """Write weights and card to ``path`` and the card again beside it, each file atomically."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"card": card.to_json()})
    write_text(Path(path).with_suffix(".json"), card.to_json() + "\n")


def read_predictor(path: str | Path) -> tuple[Network, Card]:
    """Read a predictor of ours, or a published AutoGO checkpoint (safetensors or npz).

    Raises ``DataError`` for a missing file and ``FormatError`` for a truncated or foreign one.
    """
    tensors, metadata = _read_tensors(Path(path))
    try:
        card = Card.from_json(metadata["card"]) if "card" in metadata else _published_card(tensors)
        network = Network(WIDTHS[card.kind])
        wanted = network.state_dict()
        own = {name: value for name, value in tensors.items() if not name.startswith(_UNUSED)}
        for name in wanted.keys() | own.keys():
            _check_tensor(name, own.get(name), wanted.get(name))
        network.load_state_dict(own)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path} is not a predictor that this version reads ({error}): give a file written by "
            "archloom's predictors or a published AutoGO checkpoint."
        ) from error
    return network, card


def _check_tensor(name: str, found: Tensor | None, wanted: Tensor | None) -> None:
    """Raise ``ValueError`` unless a tensor is expected, there, of the right shape and finite."""
    if found is None or wanted is None:
        raise ValueError(f"tensor {name} is {'missing' if found is None else 'unknown'}")
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise ValueError(
            f"tensor {name} is {found.dtype} {tuple(found.shape)}, {tuple(wanted.shape)} is wanted"
        )
    if not torch.isfinite(found).all():
        raise ValueError(f"tensor {name} holds values that are not finite")


def _published_card(tensors: Mapping[str, Tensor]) -> Card:
    """Return the card of a checkpoint of the reference, told apart by its head."""
    width = tensors["regressor.weight"].shape[-1]
    kinds: dict[int, Kind] = {WIDTHS["gnn"]: "gnn", WIDTHS["psc"]: "psc"}
    if width not in kinds:
        raise ValueError(f"its head has width {width}")
    kind = kinds[width]
    return Card(
        kind=kind,
        what=f"AutoGO's published {kind.upper()} checkpoint",
        output="z-score" if kind == "psc" else "accuracy",
        code_version="AutoGO (NeurIPS 2023)",
    )


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and text metadata of a safetensors or npz file."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".npz":
            return _read_npz(path), {}
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, zipfile.BadZipFile, EOFError, ValueError, TypeError) as error:
        raise FormatError(
            f"{path} is truncated or no weights file ({error}): get or train it again."
        ) from error
    except OSError as error:
        raise DataError(f"{path} could not be read ({error}): check the path.") from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Return the arrays of an npz file; pickled objects are refused."""
    with np.load(path, allow_pickle=False) as file:
        arrays: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
