"""The state of an unfinished training as one safetensors file (format ``archloom-training/2``).

Tensors are named GROUP/NAME: ``weights``, ``best`` (where a dev set chooses weights) and
``optimiser`` (by the number of the parameter). Metadata: what is trained, and how far.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from archloom.errors import TrainingError
from archloom.files import replacing
from archloom.io.weights import save_tensors

FORMAT = "archloom-training/2"
_ANEW = "delete it and start the same training again, which then begins with the first epoch"


class Optimiser(Protocol):
    """What changes parameters along their gradients: those of PyTorch, and others like them."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Each with ``lr``, the learning rate of the next step, and ``params``, a list of
        tensors.
        """

    def step(self) -> Any:
        """Change the parameters."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state: under ``state`` tensors or numbers by parameter number and name."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take over a state."""


def write_state(
    path: str | Path,
    network: nn.Module,
    optimiser: Optimiser,
    identity: Mapping[str, Any],
    facts: Mapping[str, Any],
    best: Mapping[str, Tensor],
) -> None:
    """Replace the training state at ``path``, atomically.

    identity : JSON values that say what is trained; a reader must give the same
    facts    : JSON values that say how far
    best     : weights that the training may end with, if they are not the last
    """
    tensors = {f"weights/{name}": one for name, one in network.state_dict().items()}
    tensors |= {f"best/{name}": one for name, one in best.items()}
    for number, moments in optimiser.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimiser/{number}/{name}"] = torch.as_tensor(value)
    whole = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
    state = json.dumps({"format": FORMAT, "identity": identity, "facts": facts})
    with replacing(path) as temporary:
        save_tensors(temporary, whole, {"state": state})  # one entry: several have no order


def read_state(
    path: str | Path, network: nn.Module, optimiser: Optimiser, identity: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Give network and optimiser the state in ``path``; return the facts and the best weights.

    Raises ``TrainingError`` for a file that is damaged, of another format or version, or of another
    training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"the checkpoint {path} cannot be read ({error}): {_ANEW}.") from error
    try:
        state = json.loads(metadata.get("state", "{}"))
        found = state.get("format", metadata.get("format"))
    except (ValueError, AttributeError) as error:
        raise TrainingError(f"the checkpoint {path} is damaged ({error}): {_ANEW}.") from error
    if found != FORMAT:
        raise TrainingError(
            f"the checkpoint {path} is of format {found}, this version goes on from {FORMAT} only: "
            f"{_ANEW}, or go on with the version of archloom that wrote it."
        )
    try:
        _check_identity(path, state["identity"], identity)
        network.load_state_dict(_part(tensors, "weights/"))
        _restore(optimiser, _part(tensors, "optimiser/"))
        return dict(state["facts"]), _part(tensors, "best/")
    except TrainingError:
        raise
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise TrainingError(f"the checkpoint {path} is damaged ({error}): {_ANEW}.") from error


def _check_identity(path: str | Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise ``TrainingError`` where the file is of another training."""
    given = json.loads(json.dumps(wanted))
    differing = [key for key in {**given, **found} if found.get(key) != given.get(key)]
    if differing:
        raise TrainingError(
            f"the checkpoint {path} belongs to another training ({', '.join(differing)} differ): "
            "delete it, or name another file."
        )


def _restore(optimiser: Optimiser, tensors: Mapping[str, Tensor]) -> None:
    """Put back the state, with the memory layout of the parameters, which files do not keep;
    raises ``KeyError`` or ``ValueError`` where it is not such a state.
    """
    parameters = [one for group in optimiser.param_groups for one in group["params"]]
    state: dict[int | str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split("/", 1)
        number = int(index) if index.isdigit() else index
        if isinstance(number, int) and tensor.shape == parameters[number].shape:
            tensor = torch.empty_like(parameters[number], dtype=tensor.dtype).copy_(tensor)
        state.setdefault(number, {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    length = len(prefix)
    return {name[length:]: one for name, one in tensors.items() if name.startswith(prefix)}
