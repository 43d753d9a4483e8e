"""Tables of block networks and their metrics, as the Once-for-All datasets have them (AutoBuild
spec 11).

A Parquet file with one row per network: ``architecture`` (text), or ``depths``, ``kernels`` and
``expands`` (lists, see ``MobileSpace.from_lists``); every other column of numbers is a metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archloom.data.expression import parse
from archloom.errors import DataError, FormatError
from archloom.io.files import naming, reading
from archloom.spaces.ofa_mobile import MobileSpace

_LISTS = ["depths", "kernels", "expands"]


@dataclass(frozen=True)
class BlockTable:
    """Networks of one family and their metrics, each (N,) float64; NaN where not measured."""

    family: str
    architectures: tuple[str, ...]
    metrics: dict[str, NDArray[np.float64]]

    def labelled(self, target: str) -> BlockLabels:
        """Return the networks for which an expression over the metrics has a finite value.

        Raises ``ConfigError`` for an unreadable expression, ``DataError`` where no row is left.
        """
        values = parse(target, tuple(self.metrics))(self.metrics)
        kept = np.flatnonzero(np.isfinite(values))
        if not len(kept):
            raise DataError(
                f"target {target!r} has no finite value in any of {len(values)} networks: check "
                "divisions, logarithms and roots in it."
            )
        architectures = tuple(self.architectures[i] for i in kept)
        return BlockLabels(self.family, architectures, values[kept], target)


@dataclass(frozen=True)
class BlockLabels:
    """Networks of one family with one finite number each, where larger is better.

    target : the expression that the numbers are values of
    """

    family: str
    architectures: tuple[str, ...]
    values: NDArray[np.float64]
    target: str


def read_block_table(path: str | Path, space: MobileSpace) -> BlockTable:
    """Read a table of networks of ``space``.

    Raises ``FormatError`` for a file that is no such table, ``GraphError`` for a network outside
    the space, both naming the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with reading(path):
            table = pq.read_table(path)
    except pa.ArrowException as error:
        raise FormatError(f"{path} is no complete Parquet file ({error}): get it again.") from error
    metrics = {
        field.name: table[field.name].cast(pa.float64()).to_numpy()
        for field in table.schema
        if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    }
    with naming(path):
        if "architecture" in table.column_names:
            architectures = [str(text) for text in table["architecture"].to_pylist()]
            for architecture in architectures:
                space.parse(architecture)
        elif set(_LISTS) <= set(table.column_names):
            rows = zip(*(table[name].to_pylist() for name in _LISTS), strict=True)
            architectures = [space.from_lists(*row) for row in rows]
        else:
            raise FormatError(
                f"no column architecture, nor {', '.join(_LISTS)}: the networks are unknown, add "
                "either."
            )
        if not metrics or not architectures:
            raise FormatError(
                f"{len(architectures)} rows and {len(metrics)} columns of numbers: give networks "
                "with at least one metric."
            )
    return BlockTable(space.FAMILY, tuple(architectures), metrics)
