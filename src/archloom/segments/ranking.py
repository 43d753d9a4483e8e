"""Segments ranked: how much each instance of a segment database matters for a metric.

A search draws replacements with it instead of uniformly: better ranked ones come first more often,
none is ruled out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from archloom.errors import DataError, FormatError
from archloom.files import reader
from archloom.parquet import numbers
from archloom.segments.database import SegmentDatabase
from archloom.segments.tables import metadata, read_table, write_table

FORMAT = "archloom-segment-ranking/1"
_DATABASE, _TARGET = b"database", b"target"


@dataclass(frozen=True, eq=False)
class SegmentRanking:
    """Scores of the instances of one segment database.

    database : digest of the database
    target   : what the scores are good for
    scores   : (r,) finite, larger is better
    """

    database: str
    target: str
    scores: NDArray[np.float64]

    @cached_property
    def digest(self) -> str:
        """16 hex digits over database and scores."""
        return sha256(self.database.encode() + self.scores.tobytes()).hexdigest()[:16]

    def draw(self, instances: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
        """Return ``instances`` (k,) in random order: the next one is drawn with a probability
        proportional to exp(z) among those left, z its score in standard deviations.
        """
        spread = float(self.scores.std()) or 1.0
        keys = self.scores[instances] / spread + rng.gumbel(size=len(instances))
        return instances[np.argsort(-keys, kind="stable")]

    def check(self, database: SegmentDatabase) -> None:
        """Raise ``DataError`` unless the scores are those of ``database``."""
        if (self.database, len(self.scores)) != (database.digest, database.n_instances):
            raise DataError(
                f"the ranking has {len(self.scores)} scores for the segment database "
                f"{self.database}, this database is {database.digest} with "
                f"{database.n_instances} instances: rank it with archloom rank-segments."
            )


def write_ranking(ranking: SegmentRanking, path: str | Path) -> None:
    """Write a ranking as a Parquet file, atomically."""
    facts = {_DATABASE: ranking.database, _TARGET: ranking.target}
    write_table(Path(path), pa.table({"score": ranking.scores}), FORMAT, facts)


@reader("ranking")
def read_ranking(path: str | Path) -> SegmentRanking:
    """Read what ``write_ranking`` wrote; raises ``DataError`` or ``FormatError``."""
    table = read_table(Path(path), FORMAT, pa.schema([("score", pa.float64())]))
    scores = numbers(table["score"]).astype(np.float64)
    if not np.isfinite(scores).all():
        raise FormatError(f"{path} holds scores that are not finite: make the ranking again.")
    return SegmentRanking(metadata(table, _DATABASE), metadata(table, _TARGET), scores)
