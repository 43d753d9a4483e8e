"""Label models: what says how good block networks are, where the networks are not measured one by
one (AutoBuild spec 10 and 11).

Accuracy comes from a published predictor, from one learnt on a table of one's own, or, so that the
workflow runs without any data, from a made-up formula. Latency comes from a predictor too, or is
the sum of operators measured on a device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from archloom.data.block_table import BlockTable, read_block_table
from archloom.errors import DataError
from archloom.graph import Graph, flops
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.predict.blocks.task import BlockTraining
from archloom.search.figures import Costly, Value
from archloom.search.units.figures import PredictedFigure, evaluate
from archloom.spaces import FAMILIES
from archloom.train.latency_table import LatencyTable, measure_table, read_table
from archloom.views.block_space import block_space
from archloom.views.sequence import block_family, mobile_space

ACCURACY, LATENCY = "acc", "latency"
"""Metrics of every table of labels: accuracy as a fraction, latency in ms on the chosen device."""


@dataclass(eq=False)
class MadeUpAccuracy(Costly[str]):
    """Accuracy by a formula that nobody measured: it grows with the multiply-adds, and blocks of
    the third and fourth stage count more. It only shows how things work.
    """

    name: str = ACCURACY
    maximise: bool = True
    source: str = "a made-up formula, no measurement"
    family: str = field(kw_only=True)

    @property
    def identity(self) -> str:
        """The formula by name."""
        return f"made-up accuracy of {self.family}"

    def values(self, networks: Sequence[str]) -> list[Value]:
        """Return fractions."""
        seen = block_space(self.family)
        macs = np.array([flops(one, "mac") / 2 for one in graphs_of(self.family, networks)])
        blocks = [sum(map(len, seen.parse(one)[2:4])) for one in networks]
        error = 0.18 + 0.8 / np.sqrt(macs / 1e6) - 0.002 * np.array(blocks)
        return list((1 - error).tolist())


@dataclass(eq=False)
class OperatorLatency(Costly[str]):
    """Latency in ms as the sum of a network's operators, each measured alone: an estimate."""

    name: str = LATENCY
    unit: str = "ms"
    source: str = "the sum of operators measured one by one"
    family: str = field(kw_only=True)
    table: LatencyTable = field(kw_only=True)

    @property
    def identity(self) -> str:
        """Digest of the table."""
        return f"operators {sha256(repr(sorted(self.table.entries.items())).encode()).hexdigest()}"

    def values(self, networks: Sequence[str]) -> list[Value]:
        """Return the sums; raises ``DataError`` where the table lacks an operator."""
        found = self.table.latencies(graphs_of(self.family, networks))
        for architecture, value in zip(networks, found, strict=True):
            if isinstance(value, str):
                raise DataError(
                    f"{architecture}: {value}; measure the operators of {self.family}, see "
                    "docs/blocks.md."
                )
        return list(found)


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
) -> dict[str, Costly[str]]:
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
) -> dict[str, Costly[str]]:
    """Return the label models of accuracy and latency.

    files     : predictors published with AutoBuild, by name ``FAMILY_METRIC.safetensors``; without
                one of accuracy the formula stands in
    device    : gpu, cpu or npu, of the published predictors
    operators : latencies measured on another device, which count instead; None: ``device`` counts

    Raises ``DataError`` where there is no latency.
    """
    by_name = {path.stem: path for path in files}
    found: dict[str, Costly[str]] = {ACCURACY: MadeUpAccuracy(family=family)}
    if f"{family}_acc" in by_name:
        found[ACCURACY] = _published(ACCURACY, by_name[f"{family}_acc"])
    if operators is not None:
        found[LATENCY] = OperatorLatency(family=family, table=operators)
    elif f"{family}_latency_{device}" in by_name:
        found[LATENCY] = _published(LATENCY, by_name[f"{family}_latency_{device}"])
    else:
        raise DataError(
            f"there is no published predictor of {family} on {device}: set autobuild.device to "
            "here, or get the dataset autobuild_models."
        )
    return found


def _predicted(name: str, predictor: BlockPredictor, source: str) -> PredictedFigure:
    """Return accuracy or latency as a predictor says."""
    unit = "ms" if name == LATENCY else ""
    return PredictedFigure(name, unit, name == ACCURACY, source, predictor=predictor)


def _published(name: str, path: Path) -> PredictedFigure:
    words = f"the predictor {path.stem} published with AutoBuild, no measurement"
    return _predicted(name, BlockPredictor.load(path), words)


def learnt_models(table: BlockTable, training: BlockTraining) -> dict[str, Costly[str]]:
    """Return label models of accuracy and latency that are learnt from measured networks.

    Raises ``DataError`` for a table without one of these metrics.
    """
    missing = [name for name in (ACCURACY, LATENCY) if name not in table.metrics]
    if missing:
        raise DataError(
            f"the table of networks has no column {', '.join(missing)}: give accuracies as "
            f"fractions in {ACCURACY} and milliseconds in {LATENCY}."
        )
    found: dict[str, Costly[str]] = {}
    for name in (ACCURACY, LATENCY):
        predictor = BlockPredictor.fit(table.labelled(name), training)
        quality = predictor.card.metrics["srcc"]
        words = f"a predictor of your measurements (rank correlation {quality:.3f} on its test)"
        found[name] = _predicted(name, predictor, words)
    return found


def label(family: str, count: int, seed: int, models: Mapping[str, Costly[str]]) -> BlockTable:
    """Return different random networks of a family with all metrics."""
    distinct: dict[str, None] = {}
    source = mobile_space(family).architectures(seed)
    while len(distinct) < count:
        distinct[next(source)] = None
    names = tuple(distinct)
    sizes = np.full(len(names), 224)
    return BlockTable(family, names, evaluate(models.values(), names), sizes)


def figures_of(models: Mapping[str, Costly[str]]) -> tuple[Costly[str], Costly[str]]:
    """Return accuracy and latency as a search takes them."""
    return models[ACCURACY], models[LATENCY]


def sources_of(models: Mapping[str, Costly[str]]) -> dict[str, str]:
    """Return what the metrics come from, by name."""
    return {name: model.source for name, model in models.items()}
