"""What a run of AutoBuild left on disk, read for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archloom.data.block_table import BlockTable, read_block_table, read_sources
from archloom.errors import DataError
from archloom.files import read_json
from archloom.parquet import read_parquet
from archloom.predict.blocks.agreement import UnitAgreement
from archloom.predict.blocks.network import Nodes, node_norms
from archloom.predict.blocks.predictor import BlockPredictor
from archloom.search.front import hypervolume, pareto_front
from archloom.search.units.label_models import ACCURACY, LATENCY
from archloom.search.units.space import UnitSpace
from archloom.views.block_space import block_space
from archloom.views.sequence import block_family, sequence_graphs

if TYPE_CHECKING:
    import pyarrow as pa

Matrix = NDArray[np.float64]
_UP = np.array([True, False])
"""More accuracy and less latency are better."""
_VISITED = ("method", "seed", "iteration", "architecture", ACCURACY, LATENCY)
_ADVICE = "delete it and run the workflow again"


@dataclass(frozen=True)
class AutobuildFiles:
    """Where the parts of a run lie.

    networks : the labelled networks
    targets  : one folder per target with ``predictor.safetensors``, ``space.json`` and, of several
               seeds, ``agreement.json``, as ``archloom rank-units`` writes them
    spaces   : for each target all networks of its space: architecture and the figures
    visited  : what the searches evaluated, see ``archloom.search.units.comparison``
    """

    networks: Path
    targets: Sequence[Path]
    spaces: Sequence[Path]
    visited: Path


@dataclass(frozen=True, eq=False)
class Target:
    """One target: its predictor, the best units of each place, and what they build.

    built     : (N, 2) accuracy and latency of all networks of the best units
    agreement : of the seeds on each place; none where one predictor ranked
    """

    predictor: BlockPredictor
    space: UnitSpace
    built: Matrix
    agreement: Sequence[UnitAgreement] = ()

    @property
    def name(self) -> str:
        """The expression."""
        return self.predictor.card.target

    @property
    def best(self) -> str:
        """The network of the best unit at each place."""
        return block_space(self.space.family).join([pool[0] for pool in self.space.pools])


@dataclass(frozen=True, eq=False)
class Searches:
    """All searches of one method.

    fronts       : per seed the (n, 2) members of the final front, best accuracy first
    members      : their architectures
    hypervolumes : (seeds, rounds + 1) after the random networks and after each round
    evaluated    : (seeds,) number of networks
    """

    method: str
    fronts: Sequence[Matrix]
    members: Sequence[Sequence[str]]
    hypervolumes: Matrix
    evaluated: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AutobuildRecord:
    """Everything read.

    sources : what the metrics of the networks come from
    worst   : accuracy and latency that hypervolumes are measured from
    """

    family: str
    networks: BlockTable
    sources: Mapping[str, str]
    targets: Sequence[Target]
    searches: Sequence[Searches]
    worst: NDArray[np.float64]

    @property
    def labelled(self) -> Matrix:
        """Return (N, 2) accuracy and latency of the labelled networks."""
        metrics = self.networks.metrics
        return np.stack([metrics[ACCURACY], metrics[LATENCY]], axis=1)


def read_autobuild(files: AutobuildFiles, family: str) -> AutobuildRecord:
    """Read the parts of a run; raises ``FormatError`` or ``DataError`` for damaged ones and for
    parts of different families.
    """
    networks = read_block_table(files.networks, block_family(family))
    targets = [
        _target(folder, family, read_parquet(built, _ADVICE, [ACCURACY, LATENCY]))
        for folder, built in zip(files.targets, files.spaces, strict=True)
    ]
    labelled = np.stack([networks.metrics[ACCURACY], networks.metrics[LATENCY]], axis=1)
    worst = np.array([labelled[:, 0].min(), labelled[:, 1].max()])
    visited = read_parquet(files.visited, _ADVICE, _VISITED)
    searches = searches_of(visited, worst)
    sources = read_sources(files.networks)
    return AutobuildRecord(family, networks, sources, targets, searches, worst)


def searches_of(
    visited: pa.Table, worst: NDArray[np.float64], names: tuple[str, str] = (ACCURACY, LATENCY)
) -> list[Searches]:
    """Return the searches of every method in a table of ``archloom.search.units.comparison``.

    worst : (2,) figures that hypervolumes are measured from
    names : columns of the figures; more of the first is better, less of the second
    """
    methods = dict.fromkeys(visited["method"].to_pylist())
    return [_searches(method, visited, worst, names) for method in methods]


def _target(folder: Path, family: str, built: pa.Table) -> Target:
    predictor = BlockPredictor.load(folder / "predictor.safetensors")
    space = UnitSpace.read(folder / "space.json")
    if {predictor.family, space.family} != {family}:
        raise DataError(
            f"{folder} is of {predictor.family}, the networks are of {family}: rank their "
            "units again."
        )
    agreed = folder / "agreement.json"
    found = [UnitAgreement(**one) for one in read_json(agreed)] if agreed.exists() else []
    return Target(predictor, space, _points(built), found)


def _points(table: pa.Table, names: Sequence[str] = (ACCURACY, LATENCY)) -> Matrix:
    return np.stack([table[name].to_numpy() for name in names], axis=1)


def _searches(
    method: str, visited: pa.Table, worst: NDArray[np.float64], names: Sequence[str]
) -> Searches:
    """Return the searches of a method; networks without a figure count as evaluated only."""
    import pyarrow.compute as pc

    mine = visited.filter(pc.equal(visited["method"], method))
    fronts, members, volumes, counts = [], [], [], []
    for seed in sorted(set(mine["seed"].to_pylist())):
        one = mine.filter(pc.equal(mine["seed"], seed))
        points, rounds = _points(one, names), one["iteration"].to_numpy()
        known = np.flatnonzero(np.isfinite(points).all(axis=1))
        order = known[pareto_front(points[known], _UP)]
        fronts.append(points[order])
        members.append(one["architecture"].take(order).to_pylist())
        volumes.append(
            [hypervolume(points[rounds <= last], _UP, worst) for last in range(rounds.max() + 1)]
        )
        counts.append(len(one))
    longest = max(map(len, volumes))
    filled = [row + row[-1:] * (longest - len(row)) for row in volumes]
    return Searches(method, fronts, members, np.array(filled), np.array(counts))


def norms_of_blocks(predictor: BlockPredictor, architecture: str) -> NDArray[np.float64]:
    """Return (5, n) L1 norms at hops 0 to 4 of the embeddings of the n blocks of a network."""
    graphs = sequence_graphs(block_family(predictor.family), [architecture])
    return node_norms(predictor.network, Nodes.of(graphs)).astype(np.float64)
