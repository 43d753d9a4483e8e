"""Scored units: the table, the best, and the reduced space that they span (AutoBuild spec 3.2 and
4).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError
from archloom.files import replacing, write_text
from archloom.views.units import Units

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "archloom-unit-space/1"


@dataclass(frozen=True)
class ScoredUnits:
    """All units of a family, scored for one target.

    norm   : (U,) L1 norm of the embedding of the unit's last block
    score  : (U,) in units of the target, larger is better
    spread : (U,) standard deviation of the score over the seeds that it is the mean of; None where
             one predictor scored
    """

    family: str
    target: str
    units: Units
    norm: NDArray[np.float64]
    score: NDArray[np.float64]
    spread: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.units)

    def best(self, k: int | Sequence[int]) -> list[NDArray[np.int64]]:
        """Return the indices (k,) of the k best of each unit, or of all where they are fewer: best
        first, the first of equal scores first; ``k`` may be one number per unit.

        Raises ``ConfigError`` for a number below 1 or too many or few of them.
        """
        n_units = int(self.units.unit.max()) + 1
        counts = [k] * n_units if isinstance(k, int) else list(k)
        if len(counts) != n_units or min(counts) < 1:
            raise ConfigError(
                f"k = {k}: write one number from 1 on, or {n_units}, one per unit of {self.family}."
            )
        order = np.argsort(-self.score, kind="stable")
        return [order[self.units.unit[order] == unit][:count] for unit, count in enumerate(counts)]

    def table(self) -> pa.Table:
        """Return the columns unit (from 1), n_blocks, blocks, hop, norm, score and, of several
        seeds, spread.
        """
        import pyarrow as pa

        units = self.units
        columns = {
            "unit": pa.array(units.unit + 1, pa.int8()),
            "n_blocks": pa.array(units.size, pa.int8()),
            "blocks": pa.array(units.blocks, pa.string()),
            "hop": pa.array(units.size - 1, pa.int8()),
            "norm": self.norm,
            "score": self.score,
        }
        return pa.table(columns if self.spread is None else columns | {"spread": self.spread})

    def write(self, path: str | Path) -> None:
        """Write the table; the ending .parquet or .csv chooses the format, another raises
        ``ConfigError``.
        """
        import pyarrow.csv as pc
        import pyarrow.parquet as pq

        writers = {".parquet": pq.write_table, ".csv": pc.write_csv}
        ending = Path(path).suffix.lower()
        if ending not in writers:
            raise ConfigError(f"{path}: a table of units ends in {' or '.join(writers)}.")
        with replacing(path) as temporary:
            writers[ending](self.table(), temporary)

    def write_space(self, path: str | Path, k: int | Sequence[int] = 5) -> None:
        """Write the space of the k best of each unit as JSON: family, target, and per unit the
        blocks with their scores.
        """
        content: dict[str, Any] = {
            "format": FORMAT,
            "family": self.family,
            "target": self.target,
            "units": [
                [
                    {"blocks": self.units.blocks[i], "score": float(self.score[i])}
                    for i in indices.tolist()
                ]
                for indices in self.best(k)
            ],
        }
        write_text(path, json.dumps(content, indent=1) + "\n")
