"""State of an unfinished training: one safetensors file, replaced after every epoch."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archloom.errors import FormatError
from archloom.files import replacing
from archloom.io.weights import save_tensors
from archloom.predict.gnn.network import Network

FORMAT = "archloom-training/1"
_ADAM = ("step", "exp_avg", "exp_avg_sq")

logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far a training has come.

    epoch        : finished epochs
    history      : per finished epoch loss and dev_srcc (null where it is undefined)
    best_epoch   : epoch with the highest dev rank correlation (its number counts from 1)
    best_weights : its weights
    """

    epoch: int = 0
    history: list[dict[str, float | None]] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_srcc(self) -> float:
        """Highest dev rank correlation so far; -inf where there is none."""
        value = self.history[self.best_epoch - 1]["dev_srcc"] if self.best_epoch else None
        return -math.inf if value is None else value

    def advance(self, network: Network, loss: float, srcc: float) -> None:
        """Note the end of an epoch, and the weights if they are the best."""
        self.epoch += 1
        better = not self.best_epoch or srcc > self.best_srcc
        self.history.append({"loss": loss, "dev_srcc": None if math.isnan(srcc) else srcc})
        if better:
            self.best_epoch = self.epoch
            self.best_weights = {name: w.clone() for name, w in network.state_dict().items()}


def write_progress(
    path: str | Path,
    network: Network,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
    digest: str,
) -> None:
    """Replace the training checkpoint at ``path``, atomically."""
    tensors = {f"last/{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in progress.best_weights.items()}
    for number, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"adam/{number}/{name}": moments[name] for name in _ADAM}
    state = {
        "format": FORMAT,
        "digest": digest,
        "epoch": progress.epoch,
        "history": progress.history,
        "best": progress.best_epoch,
    }
    metadata = {"state": json.dumps(state)}  # one entry: safetensors would shuffle several
    with replacing(path) as temporary:
        whole = {name: value.contiguous() for name, value in tensors.items()}
        save_tensors(temporary, whole, metadata)


def read_progress(
    path: str | Path | None, network: Network, optimiser: torch.optim.Optimizer, digest: str
) -> Progress:
    """Load weights and optimiser from ``path`` and return the state; a new one without a file.

    A checkpoint of other settings or data is not used (and will be replaced); a damaged one raises
    ``FormatError``.
    """
    from safetensors import SafetensorError, safe_open

    if path is None or not Path(path).exists():
        return Progress()
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            state = json.loads((file.metadata() or {})["state"])
            if state["format"] != FORMAT:
                raise ValueError(f"its format is {state['format']!r}")
            if state["digest"] != digest:
                logger.warning("%s belongs to other settings or data: training starts anew", path)
                return Progress()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _restored(tensors, state, network, optimiser)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError, OSError) as error:
        raise FormatError(
            f"{path} is no training checkpoint that can be continued ({error}): delete it to train "
            "from the start."
        ) from error


def _restored(
    tensors: dict[str, Tensor],
    state: dict[str, Any],
    network: Network,
    optimiser: torch.optim.Optimizer,
) -> Progress:
    """Load weights and optimiser; return the progress."""
    network.load_state_dict(_under("last/", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("adam/", tensors).items():
        number, moment = name.split("/")
        moments.setdefault(int(number), {})[moment] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    best = _under("best/", tensors)
    return Progress(int(state["epoch"]), list(state["history"]), int(state["best"]), best)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names start with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
