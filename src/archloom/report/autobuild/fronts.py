"""Pareto fronts of several search methods with their spread over seeds (AutoBuild spec 7.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archloom.drawing.palette import BLUE, GREEN, ORANGE, PURPLE
from archloom.report.autogo.figures import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Front = NDArray[np.float64]
"""(n, 2) members: a figure of which more is better, then one of which less is."""

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
_STYLES = ("-", "--", "-.", ":")
_STEPS = 200
_COLUMNS = 3
_WIDE = 5
"""Ratio of costs from which their axis is logarithmic."""


@dataclass(frozen=True)
class FrontPanel:
    """One picture: fronts of every seed by method, the same methods in every panel.

    gain, cost : what the figures of the fronts are, as the axes say it
    scale      : factor of the first
    """

    title: str
    fronts: Mapping[str, Sequence[Front]]
    gain: str = "top-1 accuracy in %"
    cost: str = "latency in ms"
    scale: float = 100


def unit_fronts_figure(panels: Sequence[FrontPanel]) -> Figure:
    """Return, per panel and method, the gain that half of the seeds reach within a cost, and as a
    band what all but the worst and best tenth of them reach.
    """
    rows = -(-len(panels) // _COLUMNS)
    with styled(4.3 * min(len(panels), _COLUMNS), 3.6 * rows) as figure:
        axes = figure.subplots(rows, min(len(panels), _COLUMNS), squeeze=False)
        for axis, panel in zip(axes.flat, panels, strict=False):
            _draw(axis, panel)
        for axis in axes.flat[len(panels) :]:
            axis.remove()
        axes[0, 0].legend(loc="lower right")
    return figure


def attained(fronts: Sequence[Front], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (seeds, C) the best gain of each front within each cost, NaN where there is none."""
    reached = np.full((len(fronts), len(costs)), np.nan)
    for row, front in zip(reached, fronts, strict=True):
        order = np.argsort(front[:, 1])
        best = np.maximum.accumulate(front[order, 0])
        last = np.searchsorted(front[order, 1], costs, side="right") - 1
        row[last >= 0] = best[last[last >= 0]]
    return reached


def _draw(axes: Axes, panel: FrontPanel) -> None:
    everything = np.concatenate([front for some in panel.fronts.values() for front in some])
    least, most = everything[:, 1].min(), everything[:, 1].max()
    wide = 0 < least * _WIDE < most
    costs = (np.geomspace if wide else np.linspace)(least, most, _STEPS)
    for index, (method, fronts) in enumerate(panel.fronts.items()):
        colour, style = _COLOURS[index % len(_COLOURS)], _STYLES[index % len(_STYLES)]
        reached = panel.scale * attained(fronts, costs)
        common = np.isfinite(reached).all(axis=0)
        low, middle, high = np.quantile(reached[:, common], (0.1, 0.5, 0.9), axis=0)
        x = costs[common]
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(x, middle, style, color=colour, lw=1.6, label=method)
    if wide:
        _make_logarithmic(axes)
    axes.set(xlabel=panel.cost, ylabel=panel.gain, title=panel.title)


def _make_logarithmic(axes: Axes) -> None:
    """Give the costs a logarithmic axis with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
