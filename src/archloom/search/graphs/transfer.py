"""Weights that a member of the front takes over from the input, by node identity.

Ids survive mutation: what was not replaced keeps its id, and with it all its tensors, batch-norm
statistics included. New nodes start with fresh weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archloom.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Transfer:
    """Weights of a graph; ``coverage`` is the share of its trainable parameters taken over."""

    weights: dict[str, Tensor]
    coverage: float

    def __repr__(self) -> str:
        return f"<Transfer: {len(self.weights)} weights, coverage {self.coverage:.3f}>"


def transfer(weights: Mapping[str, Tensor], graph: Graph, seed: int = 0) -> Transfer:
    """Return weights for ``graph``: tensors of ``weights`` where key and shape agree, others drawn
    from ``seed`` as ``to_torch`` does.

    A tensor is taken over whole or not at all. Raises ``GraphError`` for a graph that cannot be
    executed.
    """
    from archloom.execute.module import to_torch

    module = to_torch(graph, seed=seed)
    module.inherit(weights)
    total = kept = 0
    for name, tensor in module.named_parameters():
        total += tensor.numel()
        if name in weights and weights[name].shape == tensor.shape:
            kept += tensor.numel()
    coverage = kept / total if total else 1.0
    return Transfer(module.weights(), coverage)
