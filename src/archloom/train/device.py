"""The device that networks are trained on."""

from __future__ import annotations

import torch

from archloom.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """Return the device called ``name``; "auto" takes a GPU where there is one.

    Raises ``ConfigError`` for an unknown name, and for "cuda" where PyTorch finds no GPU.
    """
    if name not in ("cpu", "cuda", "auto"):
        raise ConfigError(f"device is {name!r}: write cpu, cuda or auto.")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise ConfigError(
            "device is cuda, but PyTorch finds no CUDA GPU: install a CUDA build of PyTorch and a "
            "driver, or write device: cpu (or auto)."
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")
