"""Tensors as arrays and back; memory is shared where it can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def array_of(tensor: Tensor) -> NDArray[Any]:
    """Return ``tensor`` as an array of the same shape and element type."""
    plain = tensor.detach().cpu()
    if plain.dtype == torch.bfloat16:
        import ml_dtypes

        return plain.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    found: NDArray[Any] = plain.resolve_conj().resolve_neg().numpy()
    return found


def arrays_of(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Return all of ``tensors`` as arrays."""
    return {name: array_of(tensor) for name, tensor in tensors.items()}


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Return ``array`` as a tensor of the same shape and element type."""
    if array.dtype.name == "bfloat16":
        return tensor_of(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.require(array, requirements=("C", "W")))
