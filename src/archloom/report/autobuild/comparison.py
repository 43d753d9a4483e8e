"""AutoBuild's search beside its baselines, as files for a person: what all of them evaluated,
hypervolume per budget, a paired test, and pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.files import write_csv
from archloom.parquet import write_parquet
from archloom.report.autobuild.figures import FrontPanel, hypervolume_figure, unit_fronts_figure
from archloom.report.autobuild.folder import MethodRow, method_rows
from archloom.report.autobuild.record import Searches, searches_of
from archloom.report.style import save_png

if TYPE_CHECKING:
    import pyarrow as pa

Names = tuple[str, str]
"""Figures of which more is better, then less."""


def worst_point(visited: pa.Table, names: Names) -> NDArray[np.float64]:
    """Return (2,) the worst of both figures among all networks that have them."""
    gain, cost = (visited[name].to_numpy() for name in names)
    return np.array([np.nanmin(gain), np.nanmax(cost)])


def write_comparison(
    visited: pa.Table, names: Names, folder: str | Path, worst: NDArray[np.float64]
) -> list[MethodRow]:
    """Write what searches of several methods and seeds evaluated; return one row per method.

    visited : table of ``archloom.search.units.comparison.compare_methods``
    worst   : (2,) both figures where hypervolumes begin

    The folder gets visited.parquet, methods.csv, hypervolume.csv, fronts.png and hypervolume.png.
    """
    home, searches = Path(folder), searches_of(visited, worst, names)
    rows = method_rows(searches)
    write_parquet(visited, home / "visited.parquet")
    head = ["method", "searches", "networks", "mean", "std", "won", "p"]
    cells = [
        (one.method, one.searches, one.evaluated, one.mean, one.std, one.won, one.chance)
        for one in rows
    ]
    write_csv(home / "methods.csv", [head, *cells])
    head = ["method", "seed", "round", "networks", "hypervolume"]
    write_csv(home / "hypervolume.csv", [head, *_budgets(visited, searches)])
    fronts = {one.method: one.fronts for one in searches}
    panel = FrontPanel(f"{len(searches[0].fronts)} searches each", fronts, *names, scale=1)
    save_png(unit_fronts_figure([panel]), home / "fronts.png")
    save_png(hypervolume_figure(searches), home / "hypervolume.png")
    return rows


def _budgets(visited: pa.Table, searches: Sequence[Searches]) -> Iterator[tuple[Any, ...]]:
    """Yield method, seed, round, networks evaluated until then, and hypervolume."""
    keys = ["method", "seed", "iteration"]
    counted = visited.group_by(keys).aggregate([([], "count_all")]).to_pylist()
    counts = {tuple(one[key] for key in keys): one["count_all"] for one in counted}
    seeds = sorted(set(visited["seed"].to_pylist()))
    for method in searches:
        for seed, volumes in zip(seeds, method.hypervolumes.tolist(), strict=True):
            networks = 0
            for number, volume in enumerate(volumes):
                networks += counts.get((method.method, seed, number), 0)
                yield method.method, seed, number, networks, volume
