"""Figures of a report: Pareto front, course of the search, rejections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.drawing.palette import BLUE, GREEN, GREY, INK, MUTED, ORANGE, VERMILLION
from archloom.report.autogo.verdict import Measured
from archloom.report.record import SearchRecord
from archloom.report.style import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_VECTOR_POINTS = 3000
_MOST_REASONS = 12


def pareto_figure(record: SearchRecord, measured: Mapping[int, Measured]) -> Figure:
    """Return predicted score against MFLOPs, and beside it measured accuracy where there is any.

    measured : accuracies by rank; rank 0 is the input
    """
    columns = 2 if measured else 1
    with styled(6.2 * columns, 4.4) as figure:
        axes = figure.subplots(1, columns, squeeze=False)
        _draw_predicted(axes[0, 0], record)
        if measured:
            _draw_measured(axes[0, 1], record, measured)
    return figure


def _draw_predicted(axes: Axes, record: SearchRecord) -> None:
    """Draw the first objective against the second; FLOPs stand in where there is none."""
    up, across, *_ = (*(record.objectives or ("score",)), "flops")
    x_of, y_of = _Axis.of(record, across), _Axis.of(record, up)
    visited = record.visited
    raster = len(visited) > _MOST_VECTOR_POINTS
    for chosen, colour, size, name in (
        (~visited.accepted, "#aab3bd", 8, "not accepted"),
        (visited.accepted, BLUE, 14, "accepted"),
    ):
        axes.scatter(
            x_of.visited[chosen],
            y_of.visited[chosen],
            s=size,
            color=colour,
            alpha=0.6,
            linewidths=0,
            rasterized=raster,
            label=f"{name} ({int(chosen.sum()):,})",
        )
    if record.winners:
        x, y = x_of.winners, y_of.winners
        if (up, across) == ("score", "flops"):
            order = np.argsort(x)
            axes.step(x[order], y[order], where="post", color=VERMILLION, lw=1.6, zorder=3)
        axes.plot(x, y, "o", color=VERMILLION, ms=5.5, zorder=4, label=f"front ({len(x)})")
    axes.plot(x_of.base, y_of.base, **_STAR)
    axes.set(xlabel=x_of.label, ylabel=y_of.label, title="Predicted")
    axes.legend(loc="best")


@dataclass(frozen=True, eq=False)
class _Axis:
    """One figure of the input, (N,) visited graphs and (W,) winners, in the unit of ``label``."""

    label: str
    base: float
    visited: NDArray[np.float64]
    winners: NDArray[np.float64]

    @classmethod
    def of(cls, record: SearchRecord, name: str) -> _Axis:
        figure = next(one for one in record.figures if one.name == name)
        label, factor = _LABELS.get(
            name, (f"{name} in {figure.unit}" if figure.unit else name, 1.0)
        )
        winners = np.array([winner.values[name] for winner in record.winners], dtype=np.float64)
        return cls(
            label,
            record.baseline.values[name] * factor,
            record.visited.values[name] * factor,
            winners * factor,
        )


_LABELS = {
    "score": ("predicted score", 1.0),
    "flops": ("MFLOPs", 1e-6),
    "params": ("million parameters", 1e-6),
    "activations": ("activations in MB", 1e-6),
}


_STAR: dict[str, Any] = {
    "marker": "*",
    "ls": "none",
    "ms": 15,
    "color": ORANGE,
    "mec": INK,
    "mew": 0.8,
    "zorder": 5,
    "label": "input",
}


def _draw_measured(axes: Axes, record: SearchRecord, measured: Mapping[int, Measured]) -> None:
    flops = {0: record.baseline.flops} | {winner.rank: winner.flops for winner in record.winners}
    spread = {rank: 100 * (entry.std or 0.0) for rank, entry in measured.items()}
    for rank, entry in sorted(measured.items()):
        x, y = flops[rank] / 1e6, 100 * entry.mean
        style = _STAR if rank == 0 else {"marker": "o", "ms": 6.5, "color": VERMILLION, "zorder": 4}
        axes.errorbar(
            x, y, spread[rank], ecolor=style["color"], elinewidth=1.4, capsize=3.5, **style
        )
        for value in entry.values:
            axes.plot(x, 100 * value, ".", color=GREY, ms=4, zorder=3)
        if rank:
            axes.annotate(f"{rank}", (x, y), (7, 5), textcoords="offset points", color=INK)
    if 0 in measured:
        axes.axhline(100 * measured[0].mean, color=ORANGE, lw=1, ls=(0, (4, 3)), zorder=1)
    axes.margins(x=0.12)
    axes.set(
        xlabel="MFLOPs", ylabel="accuracy in %", title="Measured (mean ± std; dots: single seeds)"
    )
    axes.legend(*_first_handle(axes), loc="best")


def _first_handle(axes: Axes) -> tuple[list[Any], list[str]]:
    """Return the legend entries without those that repeat."""
    handles, labels = axes.get_legend_handles_labels()
    return handles[:1], labels[:1]


def search_figure(record: SearchRecord) -> Figure:
    """Return best predicted score and graphs per iteration, and the time that each took."""
    with styled(12.4, 3.2) as figure:
        axes = figure.subplots(1, 3)
        numbers = [int(entry["iteration"]) for entry in record.iterations]
        axes[0].plot(numbers, _best_scores(record, numbers), "o-", color=VERMILLION, ms=4)
        axes[0].set(title="Best predicted score")
        for key, colour in (("unique", "#b9c1c9"), ("accepted", BLUE)):
            values = [entry.get(key, 0) for entry in record.iterations]
            axes[1].bar(numbers, values, color=colour, label={"unique": "new"}.get(key, key))
        axes[1].set(title="Graphs scored")
        axes[1].legend()
        axes[2].bar(numbers, [entry["seconds"] for entry in record.iterations], color=GREEN)
        axes[2].set(title="Time in s")
        for axis in axes:
            axis.set_xlabel("iteration")
            axis.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _best_scores(record: SearchRecord, numbers: Sequence[int]) -> list[float]:
    """Return the best accepted score up to each iteration, not below the input's."""
    visited = record.visited
    best = []
    for number in numbers:
        seen = visited.accepted & (visited.iteration <= number)
        best.append(max([record.baseline.score, *visited.score[seen].tolist()]))
    return best


def rejection_figure(record: SearchRecord) -> Figure:
    """Return the rejected candidates by reason as horizontal bars, most frequent first."""
    reasons = sorted(record.rejected.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in reasons[_MOST_REASONS:])
    shown = [*reasons[:_MOST_REASONS], *([("other reasons", rest)] if rest else [])]
    with styled(9.0, 0.9 + 0.3 * max(len(shown), 1)) as figure:
        axes = figure.subplots()
        names = [name for name, _ in shown][::-1]
        counts = [count for _, count in shown][::-1]
        bars = axes.barh(names, counts, color=BLUE, height=0.62)
        axes.bar_label(bars, [f"{count:,}" for count in counts], padding=4, color=MUTED)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.12)
        axes.set_xlabel("candidates")
    return figure
