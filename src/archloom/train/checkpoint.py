"""The state of an interrupted training as one safetensors file (format ``archloom-training/1``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from archloom.errors import TrainingError
from archloom.files import replacing
from archloom.io.weights import save_tensors

FORMAT = "archloom-training/1"


def save_checkpoint(
    path: Path,
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: Mapping[str, str],
    facts: Mapping[str, Any],
) -> None:
    """Write weights, optimiser state and ``facts`` (JSON values) to ``path``, atomically.

    ``identity`` says what is trained; a reader must give the same.
    """
    tensors = {f"weight.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimiser.{index}.{name}"] = torch.as_tensor(value)
    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, **identity, "facts": json.dumps(facts)}
    with replacing(path) as temporary:
        save_tensors(temporary, tensors, metadata)


def load_checkpoint(
    path: Path,
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: Mapping[str, str],
) -> dict[str, Any]:
    """Restore ``module`` and ``optimiser`` from ``path`` and return the facts.

    Raises ``TrainingError`` when the file is damaged or belongs to another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise TrainingError(
            f"the checkpoint {path} cannot be read ({error}): delete it to train from the start."
        ) from error
    wanted = {"format": FORMAT, **identity}
    differing = [key for key, value in wanted.items() if metadata.get(key) != value]
    if differing:
        raise TrainingError(
            f"the checkpoint {path} belongs to another training ({', '.join(differing)} differ): "
            "delete it, or name another file."
        )
    try:
        module.load_state_dict(_part(tensors, "weight."))
        _restore(optimiser, _part(tensors, "optimiser."))
        facts: dict[str, Any] = json.loads(metadata["facts"])
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise TrainingError(
            f"the checkpoint {path} is damaged ({error}): delete it to train from the start."
        ) from error
    return facts


def _restore(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back the state; raises ``KeyError`` or ``ValueError`` where it is not such a state."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    _lay_out_as_parameters(optimiser)


def _lay_out_as_parameters(optimiser: torch.optim.Optimizer) -> None:
    """Give tensors of the state the memory layout of their parameter, which files do not keep."""
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    length = len(prefix)
    return {name[length:]: one for name, one in tensors.items() if name.startswith(prefix)}
