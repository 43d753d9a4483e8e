"""Units judged where they are used: what a predictor says of networks with the unit put in.

The norm of a unit's last block is trained only as part of a sum over all blocks, which leaves open
whether a block's share is in its own norm or in those of the blocks behind it. A prediction for the
whole network does not depend on that.

All units of a place are put into the same network at once: what stands before and what stands far
behind is computed once, units share their beginnings, and a block sees M = 4 blocks back, so that a
unit changes itself and the M blocks behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archloom.predict.blocks.network import N_HOPS, BlockNetwork, Nodes
from archloom.views.sequence import STAGE, Sequences
from archloom.views.units import Units


def predict_in_contexts(
    network: BlockNetwork,
    units: Units,
    spans: Sequence[tuple[int, int]],
    contexts: Sequences,
) -> NDArray[np.float64]:
    """Return (U,) the mean prediction, before de-normalisation, of the networks that result when
    each unit replaces that of its place in every context.

    spans    : first and last stage of each place
    contexts : sequence graphs of whole networks
    """
    total = np.zeros(len(units))
    with torch.no_grad():
        for graph in range(len(contexts)):
            context = contexts.take(np.array([graph]))
            whole = network.hops(Nodes.of(context))[-1]
            for place, (first, last) in enumerate(spans):
                stages = context.codes[:, STAGE]
                start, stop = np.searchsorted(stages, [first, last + 1])
                inside = np.flatnonzero(units.unit == place)
                predicted = _predict(network, units, inside, context, whole, int(start), int(stop))
                total[inside] += predicted.double().numpy()
    return total / len(contexts)


def _predict(
    network: BlockNetwork,
    units: Units,
    inside: NDArray[np.int64],
    context: Sequences,
    whole: Tensor,
    start: int,
    stop: int,
) -> Tensor:
    """Return the predictions for one context with its rows ``start`` to ``stop`` replaced by each
    of the units ``inside``.

    whole : (rows of the context, D) embeddings at the last hop
    """
    low, high = units.forest.ptr[units.unit[inside[0]] :][:2]
    n_units, end = len(inside), start + int(high - low)
    behind = range(stop, min(stop + N_HOPS, len(context.codes)))
    leaf = start + units.node[inside] - low
    followers = [end + n_units * i + np.arange(n_units) for i in range(len(behind))]
    inner = units.forest.parent[low:high]
    tree = np.where(inner < 0, start - 1, inner - low + start)
    parent = np.concatenate([np.arange(start) - 1, tree, *[leaf, *followers][: len(behind)]])
    codes = [
        context.codes[:start],
        units.forest.codes[low:high],
        np.repeat(context.codes[stop : behind.stop], n_units, axis=0),
    ]
    resolution = np.full(len(parent), context.resolution[0])
    joined = Sequences(np.concatenate(codes), resolution, parent, np.array([0, len(parent)]))
    rows = network.hops(Nodes.of(joined))[-1]
    pooled = (whole[:start].sum(0) + whole[behind.stop :].sum(0)).repeat(n_units, 1)
    for some in followers:
        pooled += rows[some]
    node = leaf
    while (own := node >= start).any():
        pooled[own] += rows[node[own]]
        node = np.where(own, parent[node], -1)
    if network.shape.pooling == "mean":
        n_blocks = units.size[inside] + len(whole) - (stop - start)
        pooled /= torch.from_numpy(n_blocks.astype(np.float32))[:, None]
    return network.read(pooled)
