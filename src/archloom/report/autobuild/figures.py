"""Figures of an AutoBuild report: importance, norms per hop, networks by block, reduced spaces,
hypervolume, and fronts of several search methods with their spread over seeds (AutoBuild spec 3.3
and 7.2 to 7.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.drawing.palette import (
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    VERMILLION,
    blend,
)
from archloom.predict.blocks.importance import value_importance
from archloom.report.autobuild.record import Matrix, Searches, Target, norms_of_blocks
from archloom.report.style import styled
from archloom.views.block_space import block_space

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Front = NDArray[np.float64]
"""(n, 2) members: a figure of which more is better, then one of which less is."""

_LOW, _HIGH = "#dfe5ea", VERMILLION
_GAP = 0.5
"""Between stages, in blocks."""
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
_STYLES = ("-", "--", "-.", ":")
_STEPS = 200
_COLUMNS = 3
_WIDE = 5
"""Ratio of costs from which their axis is logarithmic."""


def importance_figure(targets: Sequence[Target]) -> Figure:
    """Return the importance of the values of each feature, a row of pictures per target."""
    found = [
        value_importance(target.predictor.network, target.predictor.family) for target in targets
    ]
    with styled(12.4, 0.5 + 2.3 * len(targets)) as figure:
        axes = figure.subplots(len(targets), len(found[0]), squeeze=False)
        for row, target, features in zip(axes, targets, found, strict=True):
            top = 1.05 * max(max(values.values()) for values in features.values())
            for axis, (feature, values) in zip(row, features.items(), strict=True):
                names = [name.split()[-1] for name in values]
                axis.bar(names, list(values.values()), color=BLUE, width=0.62)
                axis.grid(axis="x", visible=False)
                axis.set(ylim=(0, top), xlabel=feature.lower())
            row[0].set(title=target.name, ylabel="importance")
    return figure


def hops_figure(targets: Sequence[Target]) -> Figure:
    """Return the rank correlation of norms at every hop, and of predictions, with each target."""
    with styled(9.0, 3.4) as figure:
        axes = figure.subplots()
        names = [*(f"hop {hop}" for hop in range(5)), "prediction"]
        width, x = 0.8 / len(targets), np.arange(len(names))
        for index, target in enumerate(targets):
            metrics = target.predictor.card.metrics
            heights = [*metrics["srcc_per_hop"], metrics["srcc"]]
            place = x + (index - (len(targets) - 1) / 2) * width
            colour = CYCLE[index % len(CYCLE)]
            axes.bar(place, heights, width * 0.92, color=colour, label=target.name)
        axes.axhline(0, color=INK, lw=0.8)
        axes.set_xticks(x, names)
        axes.grid(axis="x", visible=False)
        axes.set(ylabel="rank correlation with the target")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def norms_figure(target: Target) -> Figure:
    """Return the best network of a target, a row per hop and a box per block; the more orange, the
    larger the norm among those of the hop.
    """
    norms = norms_of_blocks(target.predictor, target.best)
    lowest, highest = norms.min(axis=1, keepdims=True), norms.max(axis=1, keepdims=True)
    shares = (norms - lowest) / np.maximum(highest - lowest, 1e-12)
    stages = block_space(target.space.family).parse(target.best)
    words = [word for stage in stages for word in stage]
    stage_of = np.repeat(np.arange(len(stages)), [len(stage) for stage in stages])
    left = np.arange(len(words)) + _GAP * stage_of
    with styled(0.62 * len(words) + 1.4, 2.9) as figure:
        axes = figure.subplots()
        for hop, row in enumerate(shares.tolist()):
            boxes = [(x, 0.94) for x in left.tolist()]
            colours = [blend(_HIGH, _LOW, share) for share in row]
            axes.broken_barh(boxes, (-hop - 0.42, 0.84), facecolors=colours)
        for stage in range(len(stages)):
            middle = left[stage_of == stage].mean() + 0.47
            axes.text(middle, 0.62, f"stage {stage + 1}", ha="center", fontsize=9)
        axes.set_xticks(left + 0.47, words, rotation=90)
        axes.set_yticks(-np.arange(len(norms)), [f"hop {hop}" for hop in range(len(norms))])
        axes.set(xlim=(-0.1, left[-1] + 1.1), ylim=(0.5 - len(norms), 1.0))
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return figure


def spaces_figure(labelled: Matrix, targets: Sequence[Target]) -> Figure:
    """Return accuracy against latency in ms, of labelled networks (N, 2) and of all networks that
    the best units of each target make.
    """
    with styled(9.0, 4.6) as figure:
        axes = figure.subplots()
        style: dict[str, Any] = {"linewidths": 0, "rasterized": True}
        groups = [(target.name, target.built) for target in targets]
        colours = [GREY, *CYCLE]
        for index, (name, points) in enumerate([("labelled at random", labelled), *groups]):
            colour = colours[index % len(colours)]
            label = f"{name} ({len(points):,})"
            axes.scatter(
                points[:, 1], 100 * points[:, 0], s=6, color=colour, alpha=0.5, label=label, **style
            )
        axes.set(xlabel="latency in ms", ylabel="accuracy in %")
        legend = axes.legend(loc="lower right")
        for handle in legend.legend_handles:
            handle.set(alpha=1, sizes=[30])  # type: ignore[union-attr]
    return figure


def hypervolume_figure(searches: Sequence[Searches]) -> Figure:
    """Return the hypervolume after every round, mean and standard deviation over the seeds."""
    with styled(6.2, 3.8) as figure:
        axes = figure.subplots()
        for index, one in enumerate(searches):
            rounds = np.arange(one.hypervolumes.shape[1])
            mean, std = one.hypervolumes.mean(axis=0), one.hypervolumes.std(axis=0)
            colour = CYCLE[index % len(CYCLE)]
            axes.fill_between(rounds, mean - std, mean + std, color=colour, alpha=0.18, linewidth=0)
            axes.plot(rounds, mean, "o-", color=colour, ms=4, label=one.method)
        axes.set_xticks(range(max(one.hypervolumes.shape[1] for one in searches)))
        axes.set(xlabel="round (0: random networks)", ylabel="hypervolume")
        handles = axes.get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=len(searches))
    return figure


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
    """Return (S, C) the best gain of each front (n, 2) within each cost (C,), NaN where there is
    none.
    """
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


def fronts_panel(searches: Sequence[Searches], title: str) -> FrontPanel:
    """Return the fronts of all methods for ``unit_fronts_figure``."""
    return FrontPanel(title, {one.method: one.fronts for one in searches})
