"""Means over the nodes of parts, from embeddings of classes. Letters: K, Q, D as in the encoder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.predict.encoder import gather_sum
from archloom.predict.instances import Instances


def part_means(
    rows: Tensor, entries: NDArray[np.integer], ptr: NDArray[np.integer]
) -> Tensor:
    """Return ``(Q, D)`` means of the nodes of parts.

    rows : (K, D) embeddings of classes; entries, ptr: class of every node of each part
    """
    sizes = torch.from_numpy(np.diff(ptr).astype(np.float32))
    return gather_sum(rows, entries, ptr) / sizes[:, None]


def instance_means(rows: Tensor, instances: Instances) -> Tensor:
    """Return ``(I, 3 D)``: the means of P, S and C of each instance, side by side.

    Sums over ranges of the base are differences of running sums, in float64 so that they are exact
    enough however many graphs the batch holds.
    """
    base = gather_sum(rows, instances.base, np.arange(len(instances.base) + 1))
    running = torch.cat([base.new_zeros(1, base.shape[1]), base]).double().cumsum(0)
    first = instances.base_ptr[instances.graph]
    last = instances.base_ptr[instances.graph + 1]
    prefix = _between(running, first, instances.prefix)
    tail = _between(running, instances.tail, last)
    own = gather_sum(rows, instances.entries, instances.entry_ptr)
    segment, window = own[0::2], own[1::2]
    sizes = torch.from_numpy(instances.sizes.astype(np.float32)).unsqueeze(2)
    sums = torch.stack([prefix, segment, window + tail], dim=1)
    return (sums / sizes).flatten(1)


def _between(running: Tensor, low: NDArray[np.int64], high: NDArray[np.int64]) -> Tensor:
    """Return float32 ``running[high] - running[low]``."""
    low_rows, high_rows = (running[torch.from_numpy(places)] for places in (low, high))
    return (high_rows - low_rows).float()
