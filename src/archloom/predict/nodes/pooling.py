"""Means over the nodes of parts, from embeddings of classes. Letters: K, Q, D as in the encoder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.predict.gnn.network import gather_sum
from archloom.predict.nodes.union import pointers, ranges
from archloom.predict.psc.instances import Instances


def part_means(rows: Tensor, entries: NDArray[np.integer], ptr: NDArray[np.integer]) -> Tensor:
    """Return ``(Q, D)`` means of the nodes of parts.

    rows : (K, D) embeddings of classes; entries, ptr: class of every node of each part
    """
    sizes = torch.from_numpy(np.diff(ptr).astype(np.float32)).to(rows.device)
    return gather_sum(rows, entries, ptr) / sizes[:, None]


def instance_means(rows: Tensor, instances: Instances) -> Tensor:
    """Return ``(I, 3 D)``: the means of P, S and C of each instance, side by side.

    rows : (K, D) embeddings of classes

    The base of each graph is summed once in pieces, from one P or tail boundary to the next; P and
    the tail of C are sums of pieces.
    """
    bounds = (instances.base_ptr, instances.prefix, instances.tail)
    points, places = np.unique(np.concatenate(bounds), return_inverse=True)
    at_graph, prefix, tail = np.split(places, np.cumsum([len(bound) for bound in bounds[:2]]))
    pieces = gather_sum(rows, instances.base, points)
    low = np.stack([at_graph[instances.graph], tail], axis=1).ravel()
    high = np.stack([prefix, at_graph[instances.graph + 1]], axis=1).ravel()
    shared = gather_sum(pieces, ranges(low, high - low), pointers(high - low))
    own = gather_sum(rows, instances.entries, instances.entry_ptr)
    sums = torch.stack([shared[0::2], own[0::2], own[1::2] + shared[1::2]], dim=1)
    sizes = torch.from_numpy(instances.sizes.astype(np.float32)).to(rows.device).unsqueeze(2)
    return (sums / sizes).flatten(1)
