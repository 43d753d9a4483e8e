"""AutoBuild's search and its baselines side by side, over several seeds (AutoBuild spec 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from archloom.search.figures import Costly
from archloom.search.units.search import UnitSearchSettings, search_units
from archloom.search.units.space import UnitSpace, joined
from archloom.search.units.variation import (
    INSIGHTS,
    LayerVariation,
    UnitVariation,
    Variation,
    layer_insight,
)

if TYPE_CHECKING:
    import pyarrow as pa

AUTOBUILD = "AutoBuild"
OnSearch = Callable[[int, int], None]
"""Called with the number of finished searches and of all."""


def methods(spaces: Sequence[UnitSpace], device: str) -> dict[str, Variation]:
    """Return AutoBuild's variation of these reduced spaces, joined, and the baselines by name.

    device : whose hand-made insights Layer-Insight takes; without any it is left out
    """
    reduced = joined(spaces)
    found: dict[str, Variation] = {
        AUTOBUILD: UnitVariation(reduced),
        "Layer-Full": LayerVariation(reduced.family),
        "Stage-Full": UnitVariation(UnitSpace.full(reduced.family)),
    }
    if device in INSIGHTS:
        found["Layer-Insight"] = layer_insight(reduced.family, device)
    return found


def compare_methods(
    variations: Mapping[str, Variation],
    figures: Sequence[Costly[str]],
    settings: UnitSearchSettings,
    seeds: Sequence[int],
    on_search: OnSearch | None = None,
) -> pa.Table:
    """Return all networks that all searches evaluated: method, seed, architecture, the figures by
    name, iteration (0: the random ones), and whether a network is on its search's final front.
    """
    import pyarrow as pa

    parts, total = [], len(variations) * len(seeds)
    for name, variation in variations.items():
        for seed in seeds:
            found = search_units(variation, figures, settings, seed=seed)
            seen = found.visited
            on_front = np.isin(seen["hash"].to_numpy(zero_copy_only=False), found.architectures)
            columns = {
                "method": [name] * len(seen),
                "seed": pa.array([seed] * len(seen), pa.int64()),
                "architecture": seen["hash"],
                **{one.name: seen[one.name] for one in figures},
                "iteration": seen["iteration"],
                "on_front": on_front,
            }
            parts.append(pa.table(columns))
            if on_search is not None:
                on_search(len(parts), total)
    return pa.concat_tables(parts)
