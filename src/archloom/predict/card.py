"""Predictor files: safetensors with a model card (design page, section 3).

The card travels inside the file, so that weights and card cannot be mixed up; a readable copy is
written beside it. The published AutoGO checkpoints (safetensors or npz) are read as they are.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.errors import DataError, FormatError
from archloom.files import replacing, write_text
from archloom.graph import OPS
from archloom.io.weights import save_tensors
from archloom.predict.gnn.network import WIDTH, Network
from archloom.predict.range import NAMES, TrainingRange
from archloom.views.features import VOCABULARY_SIZE, Normalisers

FORMAT = "archloom-predictor/1"
Kind = Literal["gnn", "psc"]
WIDTHS: dict[str, int] = {"gnn": WIDTH, "psc": 3 * WIDTH}
RANGE = "range."
"""What the names of the tensors of a range begin with."""
_NO_WEIGHTS = (RANGE, "aggregator.", "encoder.init_ff.")
"""Tensors that are no weights: the range, and those of the published files that nothing reads."""
LARGEST_NPZ = 1 << 30
"""Bytes that an npz file of weights may unpack to."""


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
    range       : the training graphs as far as it takes to judge others; None: not known
    range_of    : which graphs that range was made from, where they are not the training graphs
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
    range: TrainingRange | None = None
    range_of: str = ""

    def to_json(self) -> str:
        """Return the card as JSON; of the range only its limit, its graphs lie with the tensors."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        content |= {"normalisers": self.normalisers._asdict()}
        content |= {"range": None if self.range is None else {"limit": self.range.limit}}
        return json.dumps({"format": FORMAT, **content}, indent=1)

    @classmethod
    def from_json(cls, text: str, tensors: Mapping[str, Tensor]) -> Card:
        """Read what ``to_json`` wrote; raises ``ValueError``, ``TypeError`` or ``KeyError``.

        tensors : those that were written with it, of which the range takes its graphs
        """
        content = json.loads(text)
        if content.pop("format") != FORMAT or content["kind"] not in WIDTHS:
            raise ValueError("the card is of another format or kind")
        content["normalisers"] = Normalisers(**content["normalisers"])
        content["op_vocabulary"] = tuple(content["op_vocabulary"])
        if content.get("range"):
            content["range"] = read_range(float(content["range"]["limit"]), tensors)
        card = cls(**content)
        if card.op_vocabulary != op_vocabulary():
            raise ValueError("the op vocabulary differs from this version's")
        return card


def write_predictor(path: str | Path, network: Network, card: Card) -> None:
    """Write weights and card to ``path`` and the card again beside it, each file atomically."""
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    write_tensors(path, tensors | range_tensors(card.range), card.to_json())


def range_tensors(known: TrainingRange | None) -> dict[str, Tensor]:
    """Return the tensors to write for a range, none for an unknown one."""
    if known is None:
        return {}
    return {
        f"{RANGE}{name}": torch.from_numpy(np.ascontiguousarray(getattr(known, name)))
        for name in ("points", "scale")
    }


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], card: str) -> None:
    """Write tensors and a card (JSON) to ``path`` and the card again beside it, each file
    atomically.
    """
    with replacing(path) as temporary:
        save_tensors(temporary, tensors, {"card": card})
    write_text(Path(path).with_suffix(".json"), card + "\n")


def read_predictor(path: str | Path) -> tuple[Network, Card]:
    """Read a predictor of ours, or a published AutoGO checkpoint (safetensors or npz).

    Raises ``DataError`` for a missing file and ``FormatError`` for a truncated or foreign one.
    """
    tensors, metadata = read_tensors(Path(path))
    try:
        text = metadata.get("card")
        card = Card.from_json(text, tensors) if text else _published_card(tensors)
        network = Network(WIDTHS[card.kind])
        load_weights(network, tensors, _NO_WEIGHTS)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path} is not a predictor that this version reads ({error}): give a file written by "
            "archloom's predictors or a published AutoGO checkpoint."
        ) from error
    return network, card


def read_range(limit: float, tensors: Mapping[str, Tensor]) -> TrainingRange:
    """Return the range whose graphs lie in ``tensors``; raises ``KeyError`` or ``ValueError``."""
    points, scale = (tensors[f"{RANGE}{name}"].numpy() for name in ("points", "scale"))
    if points.shape[1:] != scale.shape or scale.shape != (len(NAMES),) or not (scale > 0).all():
        raise ValueError(f"the range of training graphs has shapes {points.shape}, {scale.shape}")
    return TrainingRange(points, scale, limit)


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], others: str | tuple[str, ...]
) -> None:
    """Give ``network`` the tensors of a file but those whose names begin with ``others``; raises
    ``ValueError`` where one is missing, surplus or of another shape.
    """
    wanted = network.state_dict()
    own = {name: one for name, one in tensors.items() if not name.startswith(others)}
    for name in wanted.keys() | own.keys():
        check_tensor(name, own.get(name), wanted.get(name))
    network.load_state_dict(own)


def check_tensor(name: str, found: Tensor | None, wanted: Tensor | None) -> None:
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


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and text metadata of a safetensors or npz file."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".npz":
            return _read_npz(path), {}
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (
        SafetensorError,
        zipfile.BadZipFile,
        EOFError,
        MemoryError,
        ValueError,
        TypeError,
    ) as error:
        raise FormatError(
            f"{path} is truncated or no weights file ({error}): get or train it again."
        ) from error
    except OSError as error:
        raise DataError(f"{path} could not be read ({error}): check the path.") from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Return the arrays of an npz file; pickled objects are refused, and archives that announce
    more than ``LARGEST_NPZ`` bytes.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST_NPZ:
        raise ValueError(f"it would unpack to {size:,} bytes")
    with np.load(path, allow_pickle=False) as file:
        arrays: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
