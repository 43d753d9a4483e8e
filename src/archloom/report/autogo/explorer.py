"""The data behind the interactive plot: objectives, front members, graphs scored, changes.

Everything is given per objective, so that a search may have any number of them; what was measured
afterwards is one more axis without values for the graphs that were only scored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archloom.drawing.changes import Changes
from archloom.report.autogo.verdict import Measured
from archloom.search.figures import Figure
from archloom.search.graphs.record import SearchRecord

PAGE_FORMAT = "archloom-front-page/1"
_MOST_VISITED = 3000
_MEGA = 1e6
_WORDS = {
    "score": ("predicted score", ""),
    "flops": ("FLOPs", "FLOPs"),
    "params": ("parameters", ""),
    "activations": ("activation memory", "B"),
}
"""Names and units of a search's figures as people read them."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One quantity that the plot can show.

    name      : as the page shows it; ``unit`` may be empty
    direction : "max" or "min", which end is the better one
    values    : (1 + members,) of the input and the members by rank; NaN where unknown
    visited   : (N,) of all graphs scored; None where only members have a value
    spread    : (1 + members,) half lengths of error bars; None where there are none
    digits    : decimals to show; None for as many as tell the values apart
    """

    name: str
    unit: str
    direction: str
    values: ArrayLike
    visited: NDArray[np.float64] | None = None
    spread: ArrayLike | None = None
    digits: int | None = None


def search_axes(record: SearchRecord, measured: Mapping[int, Measured]) -> list[Axis]:
    """Return the figures of a search, objectives first, then what was measured of its winners."""
    optimised = [one for name in record.objectives for one in record.figures if one.name == name]
    others = [one for one in record.figures if one.name not in record.objectives]
    axes = [_figure_axis(record, figure) for figure in (*optimised, *others)]
    if measured:
        axes.append(_accuracy_axis(len(record.winners), measured))
    if any(winner.latency for winner in record.winners):
        axes.append(_latency_axis([winner.latency for winner in record.winners]))
    return axes


def _figure_axis(record: SearchRecord, figure: Figure) -> Axis:
    name, unit = _WORDS.get(figure.name, (figure.name.replace("_", " "), figure.unit))
    tables = (record.baseline.values, *(winner.values for winner in record.winners))
    values = [table.get(figure.name, math.nan) for table in tables]
    direction = "max" if figure.maximise else "min"
    return Axis(name, unit, direction, values, record.visited.values.get(figure.name))


def _accuracy_axis(winners: int, measured: Mapping[int, Measured]) -> Axis:
    """Return mean accuracies in per cent, with their standard deviations over seeds."""
    found = [measured.get(rank) for rank in range(winners + 1)]
    means = [100 * entry.mean if entry else math.nan for entry in found]
    spread = [100 * (entry.std or 0.0) if entry else math.nan for entry in found]
    return Axis("measured accuracy", "%", "max", means, spread=spread, digits=2)


def _latency_axis(latencies: Sequence[Mapping[str, Any] | None]) -> Axis:
    """Return median latencies, with half of their quartiles' distance.

    The input was measured beside every winner; its middle measurement is shown.
    """
    inputs = [entry["input"] for entry in latencies if entry]
    middle = sorted(inputs, key=lambda entry: entry["median"])[len(inputs) // 2]
    shown = [middle, *(entry["own"] if entry else None for entry in latencies)]
    medians = [entry["median"] if entry else math.nan for entry in shown]
    spread = [(entry["upper"] - entry["lower"]) / 2 if entry else math.nan for entry in shown]
    return Axis("measured latency", "ms", "min", medians, spread=spread)


def range_warnings(record: SearchRecord) -> dict[int, str]:
    """Return a sentence for every graph that lies outside the predictor's range, by rank."""
    found = [record.baseline.range, *(winner.range for winner in record.winners)]
    return {
        rank: f"Outside the predictor's range (distance {entry['distance']:.2g}, training graphs "
        f"reach {entry['limit']:.2g}): do not trust the score."
        for rank, entry in enumerate(found)
        if entry and not entry["inside"]
    }


def front_data(
    axes: Sequence[Axis],
    accepted: NDArray[np.bool_],
    changes: Mapping[int, Changes],
    warnings: Mapping[int, str],
) -> dict[str, Any]:
    """Return the page's data as JSON values.

    accepted : (N,) bool, whether a graph that was scored was accepted
    changes  : from the input to the members that are drawn, by rank
    warnings : what a reader must know of a graph, by rank

    Values of a million and more are given in millions; of the graphs scored, at most 3,000 are
    kept, evenly spread over the search.
    """
    scaled = [_Scaled.of(axis) for axis in axes]
    members = range(len(scaled[0].values)) if scaled else range(0)
    chosen = np.linspace(0, len(accepted) - 1, min(len(accepted), _MOST_VISITED)).astype(int)
    return {
        "format": PAGE_FORMAT,
        "objectives": [axis.description for axis in scaled],
        "members": [
            {
                "rank": rank,
                "values": [_number(axis.values[rank]) for axis in scaled],
                "spread": [_number(axis.spread[rank]) for axis in scaled],
                "warning": warnings.get(rank, ""),
                **(_changes(changes[rank]) if rank in changes else {}),
            }
            for rank in members
        ],
        "visited": {
            "count": len(accepted),
            "accepted": accepted[chosen].astype(int).tolist(),
            "values": [
                None
                if axis.visited is None
                else [_number(value) for value in axis.visited[chosen].tolist()]
                for axis in scaled
            ],
        },
    }


@dataclass(frozen=True, eq=False)
class _Scaled:
    """An axis in the unit that the page shows."""

    description: Mapping[str, Any]
    values: NDArray[np.float64]
    spread: NDArray[np.float64]
    visited: NDArray[np.float64] | None

    @classmethod
    def of(cls, axis: Axis) -> _Scaled:
        values = np.asarray(axis.values, dtype=np.float64)
        known = np.abs(values[np.isfinite(values)])
        largest = float(known.max()) if len(known) else 0.0
        factor, prefix = (_MEGA, "M") if largest >= _MEGA else (1.0, "")
        spread = np.full(len(values), np.nan) if axis.spread is None else np.asarray(axis.spread)
        description = {
            "name": axis.name,
            "unit": prefix + axis.unit,
            "direction": axis.direction,
            "digits": _digits(values / factor) if axis.digits is None else axis.digits,
        }
        visited = None if axis.visited is None else axis.visited / factor
        return cls(description, values / factor, spread / factor, visited)


def _digits(values: NDArray[np.float64]) -> int:
    """Return how many decimals tell the values apart: about three digits of their range."""
    known = values[np.isfinite(values)]
    span = float(np.ptp(known)) if len(known) else 0.0
    return 2 if span == 0 else min(max(2 - math.floor(math.log10(span)), 0), 6)


def _number(value: float) -> float | None:
    """Return ``value`` with six digits; None for what JSON cannot express."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _changes(changes: Changes) -> dict[str, Any]:
    """Return the changes in words, and for colouring the status of each node (one digit each).

    match : the member's node for each node of the input, -1 for removed ones
    """
    return {
        "summary": changes.summary(),
        "before": "".join(map(str, changes.parent_status.tolist())),
        "after": "".join(map(str, changes.child_status.tolist())),
        "match": changes.match.tolist(),
    }
