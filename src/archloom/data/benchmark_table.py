"""Published measurements of the networks of one family, with what each metric means.

Rows of one function class are twins: they compute the same and differ by the noise of training. A
split keeps them together; ``merged`` has one row per class. Accuracies are fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archloom.errors import DataError
from archloom.graph import Graph
from archloom.spaces import FAMILIES, Skeleton
from archloom.spaces.common import CONSTANT


@dataclass(frozen=True)
class Metric:
    """What a column of values means.

    unit    "fraction", "ms", ...
    noise   standard deviation of a value when its network is trained or measured again, in this
            unit; None where nothing tells it
    """

    unit: str
    larger_is_better: bool = True
    noise: float | None = None


@dataclass(frozen=True)
class BenchmarkTable:
    """N networks of one family and their metrics, one row per published measurement.

    family    a name of ``FAMILIES``
    skeleton  of the networks that were trained; None where it is none of the family's, so that
              architectures stand for other networks of the same cell
    classes   (N,) function class of each row (``function_class``)
    values    (N,) float64 by metric, NaN where not measured
    split     (N,) published part of each row: train, val, test or empty
    """

    name: str
    family: str
    skeleton: Skeleton | None
    architectures: tuple[str, ...]
    classes: tuple[str, ...]
    metrics: Mapping[str, Metric]
    values: Mapping[str, NDArray[np.float64]]
    split: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.classes), len(self.split), *map(len, self.values.values())}
        if lengths != {len(self)} or self.metrics.keys() != self.values.keys():
            raise DataError(
                f"table {self.name!r} has {len(self)} networks, but columns of {sorted(lengths)} "
                f"rows for the metrics {', '.join(self.metrics)}: give one value per network."
            )

    def __len__(self) -> int:
        return len(self.architectures)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """(N,) number of each row's class, in the order of first appearance."""
        return class_codes(self.classes)

    def take(self, rows: NDArray[np.integer]) -> BenchmarkTable:
        """Return the table of these rows (R,), in this order."""
        chosen = rows.tolist()
        return replace(
            self,
            architectures=tuple(self.architectures[row] for row in chosen),
            classes=tuple(self.classes[row] for row in chosen),
            values={name: column[rows] for name, column in self.values.items()},
            split=tuple(self.split[row] for row in chosen),
        )

    def measured(self, metric: str) -> BenchmarkTable:
        """Return the rows that have a value of ``metric``; ``DataError`` where there is none."""
        if metric not in self.values:
            raise DataError(
                f"table {self.name!r} has no metric {metric!r}: choose one of "
                f"{', '.join(self.metrics)}."
            )
        return self.take(np.flatnonzero(np.isfinite(self.values[metric])))

    def merged(self) -> BenchmarkTable:
        """Return one row per class: its first architecture and the means of its values.

        The published part of a class is empty where its rows are in several.
        """
        first = np.unique(self.codes, return_index=True)[1]
        parts: dict[str, set[str]] = {}
        for name, part in zip(self.classes, self.split, strict=True):
            parts.setdefault(name, set()).add(part)
        table = self.take(first)
        split = tuple(min(parts[name]) if len(parts[name]) == 1 else "" for name in table.classes)
        values = {name: class_means(column, self.codes) for name, column in self.values.items()}
        return replace(table, values=values, split=split)

    def graphs(self) -> Iterator[Graph]:
        """Yield the network of every row; ``DataError`` where the family does not have them."""
        if self.skeleton is None:
            raise DataError(
                f"the networks of table {self.name!r} share the cells of {self.family}, not its "
                "skeleton: build the family's own from the architectures where that is meant."
            )
        for architecture in self.architectures:
            yield FAMILIES[self.family].build(architecture, self.skeleton)


def class_codes(classes: Sequence[str]) -> NDArray[np.int64]:
    """Return (N,) the number of each name, in the order of first appearance."""
    numbers: dict[str, int] = {}
    found = [numbers.setdefault(name, len(numbers)) for name in classes]
    return np.array(found, dtype=np.int64)


def class_means(values: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (K,) the mean of the finite values of each class, NaN where there is none."""
    known = np.isfinite(values)
    size = int(codes.max(initial=-1)) + 1
    count = np.bincount(codes[known], minlength=size)
    total = np.bincount(codes[known], values[known], minlength=size)
    return np.divide(total, count, out=np.full(size, np.nan), where=count > 0)


def twin_noise(values: NDArray[np.float64], classes: Sequence[str]) -> float | None:
    """Return the pooled standard deviation of ``values`` (N,) within classes, in their unit; None
    without twins.

    Networks that ignore the image do not count: their values do not come from what they compute.
    """
    codes = class_codes(classes)
    known = np.isfinite(values) & (np.array(classes) != CONSTANT)
    freedom = int(known.sum()) - len(np.unique(codes[known]))
    if not freedom:
        return None
    within = (values - class_means(values, codes)[codes])[known]
    return float(np.sqrt(np.square(within).sum() / freedom))
