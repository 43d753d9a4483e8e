"""Importance of the features of blocks, read out of a predictor (AutoBuild spec 3.3).

Every feature of a block becomes one non-negative number, and their sum is the norm of the 0-hop
embedding; so the number is the importance of the feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from archloom.predict.blocks.network import FEATURES, BlockNetwork, Nodes
from archloom.views.block_space import block_space
from archloom.views.sequence import RESOLUTION, Pixels, block_family, sequence_graphs

CATEGORIES = ("Stage", "Place", "Kind", "Expansion", "Kernel", "Resolution")
"""Features of a block, in the order of the 0-hop embedding."""


@dataclass(frozen=True)
class Importance:
    """Of one feature: how its importance is distributed over the blocks of some networks."""

    mean: float
    std: float
    min: float
    max: float


def category_importance(
    network: BlockNetwork,
    family: str,
    architectures: Sequence[str],
    resolution: Pixels = RESOLUTION,
) -> dict[str, Importance]:
    """Return the importance of each of ``CATEGORIES`` over all blocks of the networks.

    resolution : input size in pixels, or (G,) of each network
    """
    graphs = sequence_graphs(block_family(family), architectures, resolution)
    with torch.no_grad():
        scalars = network.embed_layer(Nodes.of(graphs)).double().numpy()
    return {
        name: Importance(*(float(measure(column)) for measure in (np.mean, np.std, np.min, np.max)))
        for name, column in zip(CATEGORIES, scalars.T, strict=True)
    }


def value_importance(network: BlockNetwork, family: str) -> dict[str, dict[str, float]]:
    """Return the importance of every value of every feature that networks of a family have. Kind
    and resolution are left out: a family has one kind, and most tables one resolution.
    """
    seen = block_space(family)
    expansions, kernels = seen.values
    names = {
        "stage": [f"stage {i + 1}" for i in range(len(seen.depths))],
        "block": [f"block {i + 1}" for i in range(max(depths[-1] for depths in seen.depths))],
        "mbconv": [],
        "exp": [f"expansion {value}" for value in expansions],
        "kernel": [f"kernel {value}" for value in kernels],
    }
    values, found, start = network.embed_layer.table().tolist(), {}, 0
    for title, (feature, (n_values, _)) in zip(CATEGORIES, FEATURES.items(), strict=False):
        if names[feature]:
            some = values[start : start + len(names[feature])]
            found[title] = dict(zip(names[feature], some, strict=True))
        start += n_values
    return found
