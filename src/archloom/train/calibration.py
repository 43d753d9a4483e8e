"""Statistics of batch norms measured anew, as a subnet of a supernet needs (AutoBuild spec 6.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from archloom.errors import DataError
from archloom.execute.layers import Norm
from archloom.execute.module import GraphModule


def recalibrate(module: GraphModule, batches: Iterable[Tensor]) -> int:
    """Set mean and variance of every batch norm to what these images give, and return how many
    images they were; the module is left in evaluation mode.

    Every batch is normalised by its own statistics, as in training; what is kept is their mean over
    the batches, weighted by images. Variances are those of the population.

    batches : of (N, C, H, W), on the device of the module. Raises ``DataError`` without images.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, Norm)]
    sums = {norm: (torch.zeros_like(norm.mean), torch.zeros_like(norm.var)) for norm in norms}

    def measure(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(norm, Norm)
        (x,) = inputs
        variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        norm.mean.copy_(mean)
        norm.var.copy_(variance)
        for total, found in zip(sums[norm], (mean, variance), strict=True):
            total.add_(found, alpha=len(x))

    module.eval()
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    seen = 0
    try:
        with torch.no_grad():
            for batch in batches:
                module(batch)
                seen += len(batch)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise DataError("no images to measure the batch norms with: give at least one batch.")
    for norm, (mean, variance) in sums.items():
        norm.mean.copy_(mean / seen)
        norm.var.copy_(variance / seen)
    return seen
