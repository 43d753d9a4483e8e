"""Label models: what says how good block networks are, where the networks are not measured one by
one (AutoBuild spec 10 and 11).

Accuracy comes from a published predictor, from one learnt on a table of one's own, or, so that the
workflow runs without any data, from a made-up formula. Latency comes from a predictor too, or is
the sum of operators measured on a device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archloom.data.block_table import BlockTable, read_block_table
from archloom.errors import DataError, FormatError
from archloom.files import reader, reading
from archloom.graph import Graph, flops
from archloom.parquet import write_parquet
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.search.units.figures import Evaluator, Figure, PredictedFigure
from archloom.spaces import FAMILIES
from archloom.train.latency_table import LatencyTable, measure_table, read_table
from archloom.views.block_space import block_space
from archloom.views.sequence import block_family, mobile_space

ACCURACY, LATENCY = "acc", "latency"
"""Metrics of every table of labels: accuracy as a fraction, latency in ms on the chosen device."""
_SOURCES = b"archloom-label-sources"


@dataclass(frozen=True, eq=False)
class LabelModel:
    """One metric of block networks, and what it comes from in words for people."""

    evaluator: Evaluator
    source: str


class MadeUpAccuracy:
    """Accuracy by a formula that nobody measured: it grows with the multiply-adds, and blocks of
    the third and fourth stage count more. It only shows how things work.
    """

    def __init__(self, family: str) -> None:
        self.family = family

    @property
    def identity(self) -> str:
        """The formula by name."""
        return f"made-up accuracy of {self.family}"

    def __call__(self, architectures: Sequence[str]) -> NDArray[np.float64]:
        """Return (N,) fractions."""
        seen = block_space(self.family)
        networks = graphs_of(self.family, architectures)
        macs = np.array([flops(one, "mac") / 2 for one in networks])
        blocks = [sum(map(len, seen.parse(one)[2:4])) for one in architectures]
        error = 0.18 + 0.8 / np.sqrt(macs / 1e6) - 0.002 * np.array(blocks)
        return 1 - np.asarray(error, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class OperatorLatency:
    """Latency in ms as the sum of a network's operators, each measured alone: an estimate."""

    family: str
    table: LatencyTable

    @property
    def identity(self) -> str:
        """Digest of the table."""
        return f"operators {sha256(repr(sorted(self.table.entries.items())).encode()).hexdigest()}"

    def __call__(self, architectures: Sequence[str]) -> NDArray[np.float64]:
        """Return (N,) sums; raises ``DataError`` where the table lacks an operator."""
        found = self.table.latencies(graphs_of(self.family, architectures))
        for architecture, value in zip(architectures, found, strict=True):
            if isinstance(value, str):
                raise DataError(
                    f"{architecture}: {value}; measure the operators of {self.family}, see "
                    "docs/blocks.md."
                )
        return np.array(found, dtype=np.float64)


def graphs_of(family: str, architectures: Sequence[str]) -> list[Graph]:
    """Return the networks of full size."""
    space = FAMILIES[family]
    return [space.build(architecture) for architecture in architectures]


def covering_networks(family: str) -> list[Graph]:
    """Return few networks that together have every operator of all networks of a family: of each
    block one network of nothing else, since what a block is depends on its place only.
    """
    space = block_space(family)
    return graphs_of(
        family,
        [
            "|".join(",".join([block] * depths[-1]) for depths in space.depths)
            for block in space.codes
        ],
    )


def measure_operators(family: str) -> LatencyTable:
    """Return the latencies of all operators that networks of a family can have, measured here."""
    return measure_table(covering_networks(family))


def run_models(
    family: str,
    files: Mapping[str, Sequence[Path]],
    device: str,
    training: BlockTraining,
) -> dict[str, LabelModel]:
    """Return the label models of a run of the workflow.

    files : at most one ``table`` of measured networks, which counts alone; else the ``published``
            predictors and at most one ``operators``, a latency table

    Raises as ``learnt_models``, ``published_models`` and the readers of the files do.
    """
    for path in files["table"]:
        return learnt_models(read_block_table(path, block_family(family)), training)
    operators = next((read_table(path) for path in files["operators"]), None)
    return published_models(family, files["published"], device, operators)


def published_models(
    family: str, files: Sequence[Path], device: str, operators: LatencyTable | None
) -> dict[str, LabelModel]:
    """Return the label models of accuracy and latency.

    files     : predictors published with AutoBuild, by name ``FAMILY_METRIC.safetensors``; without
                one of accuracy the formula stands in
    device    : gpu, cpu or npu, of the published predictors
    operators : latencies measured on another device, which count instead; None: ``device`` counts

    Raises ``DataError`` where there is no latency.
    """
    by_name = {path.stem: path for path in files}
    found = {ACCURACY: LabelModel(MadeUpAccuracy(family), "a made-up formula, no measurement")}
    if f"{family}_acc" in by_name:
        found[ACCURACY] = _published(by_name[f"{family}_acc"])
    if operators is not None:
        words = "the sum of operators measured one by one"
        found[LATENCY] = LabelModel(OperatorLatency(family, operators), words)
    elif f"{family}_latency_{device}" in by_name:
        found[LATENCY] = _published(by_name[f"{family}_latency_{device}"])
    else:
        raise DataError(
            f"there is no published predictor of {family} on {device}: set autobuild.device to "
            "here, or get the dataset autobuild_models."
        )
    return found


def _published(path: Path) -> LabelModel:
    words = f"the predictor {path.stem} published with AutoBuild, no measurement"
    return LabelModel(PredictedFigure(BlockPredictor.load(path)), words)


def learnt_models(table: BlockTable, training: BlockTraining) -> dict[str, LabelModel]:
    """Return label models of accuracy and latency that are learnt from measured networks.

    Raises ``DataError`` for a table without one of these metrics.
    """
    missing = [name for name in (ACCURACY, LATENCY) if name not in table.metrics]
    if missing:
        raise DataError(
            f"the table of networks has no column {', '.join(missing)}: give accuracies as "
            f"fractions in {ACCURACY} and milliseconds in {LATENCY}."
        )
    found = {}
    for name in (ACCURACY, LATENCY):
        predictor = BlockPredictor.fit(table.labelled(name), training)
        quality = predictor.card.metrics["srcc"]
        words = f"a predictor of your measurements (rank correlation {quality:.3f} on its test)"
        found[name] = LabelModel(PredictedFigure(predictor), words)
    return found


# --- tables of labels ----------------------------------------------------------------------------


def label(family: str, count: int, seed: int, models: Mapping[str, LabelModel]) -> BlockTable:
    """Return different random networks of a family with all metrics."""
    distinct: dict[str, None] = {}
    source = mobile_space(family).architectures(seed)
    while len(distinct) < count:
        distinct[next(source)] = None
    names = tuple(distinct)
    metrics = {name: model.evaluator(names) for name, model in models.items()}
    sizes = np.full(len(names), 224)
    return BlockTable(family, names, metrics, sizes)


def figures_of(models: Mapping[str, LabelModel]) -> tuple[Figure, Figure]:
    """Return accuracy and latency as a search takes them."""
    accuracy, latency = models[ACCURACY].evaluator, models[LATENCY].evaluator
    return Figure(ACCURACY, accuracy, maximise=True), Figure(LATENCY, latency)


def sources_of(models: Mapping[str, LabelModel]) -> dict[str, str]:
    """Return what the metrics come from, by name."""
    return {name: model.source for name, model in models.items()}


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
