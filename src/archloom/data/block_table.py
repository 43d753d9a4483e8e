"""Tables of block networks and their metrics, as the Once-for-All datasets have them (AutoBuild
spec 11).

A Parquet file with one row per network: ``architecture`` (text; also under the names ``arch_str``
and ``arch`` of NAS-Bench-201 and NAS-Bench-Macro), or ``depths``, ``kernels`` and ``expands``
(lists, see ``MobileSpace.from_lists``; also under the names ``d``, ``ks`` and ``e`` of the
supernets' code). A column ``resolution`` is the height and width of the input in pixels, where a
family has several; every other column of numbers is a metric.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archloom.data.expression import parse
from archloom.errors import DataError, FormatError
from archloom.files import naming, reader, reading
from archloom.parquet import read_parquet, write_parquet
from archloom.spaces import Space
from archloom.spaces.ofa_mobile import MobileSpace
from archloom.views.block_space import block_space
from archloom.views.sequence import RESOLUTION

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = ("architecture", "arch_str", "arch")
_SOURCES = b"archloom-label-sources"
_LISTS = (["depths", "kernels", "expands"], ["d", "ks", "e"])


@dataclass(frozen=True)
class BlockTable:
    """Networks of one family and their metrics, each (N,) float64; NaN where not measured.

    resolution : (N,) height and width of the input in pixels
    """

    family: str
    architectures: tuple[str, ...]
    metrics: dict[str, NDArray[np.float64]]
    resolution: NDArray[np.int64]

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
        resolution = self.resolution[kept]
        return BlockLabels(self.family, architectures, values[kept], target, resolution)


@dataclass(frozen=True)
class BlockLabels:
    """Networks of one family with one finite number each, where larger is better.

    target     : the expression that the numbers are values of
    resolution : (N,) height and width of the input in pixels; by default 224 of all
    """

    family: str
    architectures: tuple[str, ...]
    values: NDArray[np.float64]
    target: str
    resolution: NDArray[np.int64] = field(default_factory=lambda: np.array([RESOLUTION]))

    def __post_init__(self) -> None:
        full = np.broadcast_to(self.resolution, len(self.architectures))
        object.__setattr__(self, "resolution", full)

    def take(self, rows: NDArray[np.integer]) -> BlockLabels:
        """Return the networks of ``rows`` (k,), in this order."""
        chosen = tuple(self.architectures[i] for i in rows.tolist())
        values, resolution = self.values[rows], self.resolution[rows]
        return BlockLabels(self.family, chosen, values, self.target, resolution)


@reader("table of networks")
def read_block_table(path: str | Path, space: Space) -> BlockTable:
    """Read a table of networks of ``space``, a family of blocks.

    Raises ``FormatError`` for a file that is no such table, ``GraphError`` for a network outside
    the space, both naming the file.
    """
    import pyarrow as pa

    table = read_parquet(path)
    metrics = {
        field.name: table[field.name].cast(pa.float64()).to_numpy()
        for field in table.schema
        if field.name != "resolution"
        and (pa.types.is_floating(field.type) or pa.types.is_integer(field.type))
    }
    with naming(path):
        architectures = _architectures(table, space)
        resolution = np.full(len(architectures), RESOLUTION)
        if "resolution" in table.column_names and block_space(space.FAMILY).sizes:
            resolution = table["resolution"].cast(pa.int64()).to_numpy()
        if not metrics or not architectures:
            raise FormatError(
                f"{len(architectures)} rows and {len(metrics)} columns of numbers: give networks "
                "with at least one metric."
            )
    return BlockTable(space.FAMILY, tuple(architectures), metrics, resolution)


def _architectures(table: pa.Table, space: Space) -> Sequence[str]:
    """Return the networks of a table; raises ``FormatError`` or ``GraphError``."""
    text = next((name for name in _TEXTS if name in table.column_names), None)
    if text is not None:
        architectures = [str(one) for one in table[text].to_pylist()]
        parse = block_space(space.FAMILY).parse
        for architecture in architectures:
            parse(architecture)
        return architectures
    if not isinstance(space, MobileSpace):
        raise FormatError(
            f"no column {' or '.join(_TEXTS)}: the networks are unknown, add one of them."
        )
    for names in _LISTS:
        if set(names) <= set(table.column_names):
            rows = zip(*(table[name].to_pylist() for name in names), strict=True)
            return [space.from_lists(*row) for row in rows]
    raise FormatError(
        f"no column architecture, nor {', '.join(_LISTS[0])}: the networks are unknown, add either."
    )


def write_labelled(table: BlockTable, sources: Mapping[str, str], path: str | Path) -> None:
    """Write networks and metrics as ``read_block_table`` reads them, with the metrics' sources."""
    import pyarrow as pa

    columns = {"architecture": list(table.architectures), "resolution": table.resolution}
    rows = pa.table({**columns, **table.metrics})
    write_parquet(rows.replace_schema_metadata({_SOURCES: json.dumps(dict(sources))}), path)


@reader("table of labelled networks")
def read_sources(path: str | Path) -> dict[str, str]:
    """Return what the metrics of a table come from; empty where it does not say.

    Raises ``DataError`` for a missing file, ``FormatError`` for one that is no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(path):
        try:
            metadata = pq.read_schema(path).metadata or {}
            found = json.loads(metadata.get(_SOURCES, b"{}"))
            return {str(name): str(source) for name, source in found.items()}
        except (pa.ArrowException, AttributeError, ValueError) as error:
            raise FormatError(
                f"{path} is no table of labelled networks ({error}): make it again."
            ) from error
