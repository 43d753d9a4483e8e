"""Label tables: measured, published or predicted figures of graphs, keyed by graph hash.

One Parquet file (format ``archloom-labels/1``) holds one row per (graph, metric, seed,
provenance, recipe).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from archloom.errors import DataError, FormatError
from archloom.files import reader
from archloom.parquet import check_columns, read_parquet, write_parquet

FORMAT = "archloom-labels/1"
PROVENANCES = ("measured", "benchmark", "pseudo")

_TYPES = {"str": "string", "float": "double", "int": "int64"}


@dataclass(frozen=True, order=True)
class Label:
    """One figure of one graph.

    ``unit`` is "fraction" for accuracies; ``seed`` -1 where there is none; ``recipe`` the hash of
    the training recipe, or the name of the benchmark or predictor; ``seconds`` what measuring
    took (0 where unknown).
    """

    graph: str
    metric: str
    provenance: str
    recipe: str
    seed: int
    value: float
    unit: str
    name: str
    family: str
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.provenance not in PROVENANCES:
            raise DataError(
                f"label of {self.name!r}: provenance {self.provenance!r} is not one of "
                f"{', '.join(PROVENANCES)}."
            )

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What a table holds once: graph, metric, provenance, recipe, seed."""
        return self.graph, self.metric, self.provenance, self.recipe, self.seed


def write_labels(labels: Iterable[Label], path: str | Path) -> None:
    """Write ``labels`` to ``path`` atomically, in the order given."""
    import pyarrow as arrow

    rows = [asdict(label) for label in labels]
    schema = _schema().with_metadata({"format": FORMAT})
    write_parquet(arrow.Table.from_pylist(rows, schema=schema), path)


@reader("label table")
def read_labels(path: str | Path) -> list[Label]:
    """Return the labels of the table at ``path``, in its order.

    Raises ``FormatError`` for a damaged or foreign file, ``DataError`` for a missing one.
    """
    if not Path(path).is_file():
        raise DataError(f"There is no label table {path}: measure it, or name the right file.")
    table = read_parquet(path)
    found = (table.schema.metadata or {}).get(b"format", b"none").decode()
    if found != FORMAT:
        raise FormatError(f"{path} has the format {found}, {FORMAT} is wanted: use another file.")
    check_columns(path, table, _schema())
    return [Label(**row) for row in table.select(_schema().names).to_pylist()]


def merge_labels(tables: Sequence[Iterable[Label]]) -> list[Label]:
    """Return all labels of ``tables`` in the order of their keys; a repeated label stays once.

    Raises ``DataError`` when two labels of one key have different values.
    """
    merged: dict[tuple[str, str, str, str, int], Label] = {}
    for label in (label for table in tables for label in table):
        other = merged.setdefault(label.key, label)
        if other.value != label.value:
            raise DataError(
                f"graph {label.name!r} has two values of {label.metric}, {other.value} and "
                f"{label.value} (seed {label.seed}, recipe {label.recipe}): the tables come from "
                "different machines or versions, keep one of them."
            )
    return sorted(merged.values())


def mean_values(labels: Iterable[Label], metric: str = "accuracy") -> dict[str, float]:
    """Return the mean of ``metric`` over the seeds, by graph hash.

    Raises ``DataError`` when provenances or recipes are mixed: such values do not compare.
    """
    values: dict[str, list[float]] = {}
    sources: set[tuple[str, str]] = set()
    for label in labels:
        if label.metric == metric:
            values.setdefault(label.graph, []).append(label.value)
            sources.add((label.provenance, label.recipe))
    if len(sources) > 1:
        raise DataError(
            f"labels of several sources are mixed, {sorted(sources)}: choose one with "
            "one_source(labels, provenance, recipe)."
        )
    return {graph: float(np.mean(found)) for graph, found in values.items()}


def one_source(labels: Iterable[Label], provenance: str, recipe: str) -> list[Label]:
    """Return the labels of one provenance and recipe."""
    return [one for one in labels if (one.provenance, one.recipe) == (provenance, recipe)]


def noise(labels: Iterable[Label], metric: str = "accuracy") -> dict[str, Any]:
    """Return how far the seeds differ, from the graphs that were measured with several.

    ``seed_std``: pooled standard deviation between seeds of one graph; ``graph_std``: standard
    deviation of the first seed across all graphs; ``reliability``: the share of that variance
    that is not noise; ``graphs`` and ``repeated``: how many there are. Missing figures are None.
    """
    by_graph: dict[str, dict[int, float]] = {}
    for label in labels:
        if label.metric == metric:
            by_graph.setdefault(label.graph, {})[label.seed] = label.value
    repeated = [list(seeds.values()) for seeds in by_graph.values() if len(seeds) > 1]
    first = [seeds[min(seeds)] for seeds in by_graph.values()]
    facts: dict[str, Any] = {"graphs": len(by_graph), "repeated": len(repeated)}
    within = _pooled_variance(repeated)
    total = float(np.var(first, ddof=1)) if len(first) > 1 else None
    facts["seed_std"] = None if within is None else within**0.5
    facts["graph_std"] = None if total is None else total**0.5
    known = within is not None and total
    facts["reliability"] = max(0.0, 1 - within / total) if known else None  # type: ignore[operator]
    return facts


def _pooled_variance(groups: Sequence[Sequence[float]]) -> float | None:
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        return None
    return sum(float(np.var(group)) * len(group) for group in groups) / freedom


def _schema() -> Any:
    import pyarrow as arrow

    columns: Mapping[str, str] = {field.name: str(field.type) for field in fields(Label)}
    return arrow.schema(
        [(name, arrow.type_for_alias(_TYPES[kind])) for name, kind in columns.items()]
    )
