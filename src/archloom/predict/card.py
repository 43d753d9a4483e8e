"""The card of a predictor and its file, of every kind: safetensors with the card inside (format
``archloom-predictor/2``).

The card travels inside the file, so that weights and card cannot be mixed up; a readable copy is
written beside it. What a kind alone knows stands in ``shape`` and ``seen``; no kind may be imported
here. Cards of the three formats before are read as such of this one.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archloom.errors import DataError, FormatError
from archloom.files import replacing, write_text
from archloom.io.weights import save_tensors
from archloom.predict.range import NAMES, TrainingRange

FORMAT = "archloom-predictor/2"
RANGE = "range."
"""What the names of the tensors of a range begin with."""
LARGEST_NPZ = 1 << 30
"""Bytes that an npz file of weights may unpack to."""


def code_version() -> str:
    """Return the installed version of archloom."""
    try:
        return version("archloom")
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True)
class Card:
    """What a predictor says of itself.

    kind         : its name in ``archloom.predict.kinds``
    what         : one sentence for people
    target       : what it predicts, in words or as the expression that its labels are values of
    shape        : what its network is built from; each kind has its own
    training     : training settings
    labels       : per group of training graphs the mean and std that their labels were scaled with
    seen         : what its inputs must be like to be understood, such as a vocabulary; each kind
                   has its own
    split        : digest of the split, so that test graphs stay unseen
    metrics      : what was measured at the end of training
    range        : the training graphs as far as it takes to judge others; None: not known
    range_of     : which graphs that range was made from, where they are not the training graphs
    code_version : version of archloom that trained it
    """

    kind: str
    what: str = ""
    target: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    range: TrainingRange | None = None
    range_of: str = ""
    code_version: str = field(default_factory=code_version)

    def to_json(self) -> str:
        """Return the card as JSON; of the range only its limit, its graphs lie with the tensors."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        content["range"] = None if self.range is None else {"limit": self.range.limit}
        return json.dumps({"format": FORMAT, **content}, indent=1)

    @classmethod
    def from_json(cls, text: str, tensors: Mapping[str, Tensor]) -> Card:
        """Read what ``to_json`` wrote, or a card of an older format; raises ``ValueError``,
        ``TypeError`` or ``KeyError``.

        tensors : those that were written with it, of which the range takes its graphs
        """
        content = dict(json.loads(text))
        name = content.pop("format")
        if name in _OLDER:
            content = _OLDER[name](content)
        elif name != FORMAT:
            raise ValueError(f"its card is of format {name}, this version reads {FORMAT}")
        if not isinstance(content["kind"], str):
            raise TypeError(f"its kind is {content['kind']!r}")
        if content["range"]:
            content["range"] = _read_range(float(content["range"]["limit"]), tensors)
        return cls(**content)


def _autogo_1(old: dict[str, Any]) -> dict[str, Any]:
    """Return a card of ``archloom-predictor/1``, of the kinds gnn and psc."""
    seen = {name: old.pop(name) for name in ("normalisers", "op_vocabulary", "vocabulary")}
    width = {"gnn": 32, "psc": 96}[old["kind"]]
    return {
        "target": old.pop("output"),
        "shape": {"width": width},
        "training": old.pop("config"),
        "seen": seen,
        "range": None,  # older cards say nothing of it
        **old,
    }


def _blocks_1(old: dict[str, Any]) -> dict[str, Any]:
    """Return a card of ``archloom-block-predictor/1``."""
    seen = {name: old.pop(name) for name in ("family", "moments")}
    return {"kind": "blocks", "seen": seen, "range": None, **old}


def _operators_1(old: dict[str, Any]) -> dict[str, Any]:
    """Return a card of ``archloom-operator-predictor/1``."""
    seen = {name: old.pop(name) for name in ("operators", "vocabulary")}
    return {"kind": "operators", "seen": seen, **old}


_OLDER: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "archloom-predictor/1": _autogo_1,
    "archloom-block-predictor/1": _blocks_1,
    "archloom-operator-predictor/1": _operators_1,
}


def write_predictor(path: str | Path, network: nn.Module, card: Card) -> None:
    """Write weights and card to ``path`` and the card again beside it, each file atomically."""
    tensors = {name: one.detach().contiguous() for name, one in network.state_dict().items()}
    if card.range is not None:
        for name in ("points", "scale"):
            values = np.ascontiguousarray(getattr(card.range, name))
            tensors[f"{RANGE}{name}"] = torch.from_numpy(values)
    with replacing(path) as temporary:
        save_tensors(temporary, tensors, {"card": card.to_json()})
    write_text(Path(path).with_suffix(".json"), card.to_json() + "\n")


def read_predictor(path: str | Path) -> tuple[dict[str, Tensor], Card | None]:
    """Return the tensors of a predictor file and its card; None for a file that was published
    without one.

    Raises ``DataError`` for a missing file and ``FormatError`` for a truncated or foreign one.
    """
    tensors, metadata = read_tensors(Path(path))
    try:
        card = Card.from_json(metadata["card"], tensors) if "card" in metadata else None
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(path, error) from error
    return tensors, card


def unreadable(path: str | Path, why: object) -> FormatError:
    """Return the error for a file that is no predictor of a known kind and version."""
    return FormatError(
        f"{path} is not a predictor that this version reads ({why}): give a file written by "
        "archloom's predictors, or one published with AutoGO or AutoBuild."
    )


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], others: tuple[str, ...] = ()
) -> None:
    """Give ``network`` the tensors of a file but the range and those whose names begin with
    ``others``; raises ``ValueError`` where one is missing, surplus or of another shape.
    """
    wanted = network.state_dict()
    own = {name: one for name, one in tensors.items() if not name.startswith((RANGE, *others))}
    for name in wanted.keys() | own.keys():
        _check_tensor(name, own.get(name), wanted.get(name))
    network.load_state_dict(own)


def digest_of(*arrays: NDArray[Any]) -> str:
    """Return 16 hex digits that identify the arrays' contents."""
    digest = sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _read_range(limit: float, tensors: Mapping[str, Tensor]) -> TrainingRange:
    """Return the range whose graphs lie in ``tensors``; raises ``KeyError`` or ``ValueError``."""
    points, scale = (tensors[f"{RANGE}{name}"].numpy() for name in ("points", "scale"))
    if points.shape[1:] != scale.shape or scale.shape != (len(NAMES),) or not (scale > 0).all():
        raise ValueError(f"the range of training graphs has shapes {points.shape}, {scale.shape}")
    return TrainingRange(points, scale, limit)


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
