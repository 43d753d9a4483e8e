"""Replacement candidates for a region: exact fits from the database, and others made to fit
(AutoGO spec 5.4).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archloom.graph import Graph, input_shapes, output_shapes
from archloom.search.graphs.regions import Region
from archloom.search.graphs.stitching import Closure, Wiring
from archloom.search.shapes.propagation import Propagator
from archloom.segments.database import SegmentDatabase
from archloom.segments.ranking import SegmentRanking

Preference = Callable[[NDArray[np.int32]], NDArray[np.float64] | None]


@dataclass(frozen=True, eq=False)
class Replacement:
    """A segment whose shapes fit a region, its closure and its wiring."""

    segment: Graph
    closure: Closure
    wiring: Wiring


class ReplacementFinder:
    """Finds replacements in a segment database; remembers closures between calls.

    permitted   (len(OPS),) by op code: operations that may come in
    unit        "segment", or "op": single nodes that fit exactly
    ranking     draws replacements with it where they are drawn at random; None: uniformly
    """

    def __init__(
        self,
        database: SegmentDatabase,
        propagator: Propagator,
        permitted: NDArray[np.bool_],
        unit: str = "segment",
        ranking: SegmentRanking | None = None,
    ) -> None:
        self.database, self.propagator, self.permitted, self.unit = (
            database,
            propagator,
            permitted,
            unit,
        )
        self.ranking = ranking
        if ranking is not None:
            ranking.check(database)
        self._closures: dict[int, Closure] = {}

    def find(
        self,
        region: Region,
        limit: int,
        preference: Preference,
        rng: np.random.Generator,
        rejected: Counter[str],
    ) -> Iterator[Replacement]:
        """Yield at most ``limit`` replacements: up to half of them exact fits, the others made to
        fit.

        Of the segments with the right numbers of inputs and outputs, those that ``preference``
        rates best are tried (a random choice when it has none, as among exact fits). Segments that
        cannot be made to fit are counted in ``rejected`` by reason.
        """
        inputs, outputs = region.interface
        exact = self.database.exact(inputs, outputs, unit=self.unit, permitted=self.permitted)
        exact = self._drawn(exact, rng)[: limit if self.unit == "op" else limit // 2]
        for instance in exact.tolist():
            segment = self.database.graph(instance)
            wiring = _match(region, segment, rng)
            yield Replacement(segment, self._closure(instance), wiring)
        if self.unit == "op":
            return
        others = self._by_count(region, exact, preference, rng)[: limit - len(exact)]
        for instance in others.tolist():
            segment = self.database.graph(instance)
            wiring = Wiring(
                rng.permutation(len(region.inputs)), rng.permutation(len(region.outputs))
            )
            leaving = np.empty_like(region.outputs)
            leaving[wiring.outputs] = region.outputs
            fitted = self.propagator(segment, region.inputs[wiring.inputs], leaving)
            if fitted.succeeded:
                yield Replacement(fitted.apply(segment), self._closure(instance), wiring)
            else:
                rejected[f"shapes: {fitted.status}"] += 1

    def _by_count(
        self,
        region: Region,
        exact: NDArray[np.int32],
        preference: Preference,
        rng: np.random.Generator,
    ) -> NDArray[np.int32]:
        """Return representatives of the other topologies, the preferred ones first."""
        database = self.database
        topologies = database.by_count(
            len(region.inputs), len(region.outputs), unit=self.unit, permitted=self.permitted
        )
        large = (database.n_nodes[topologies] > 1) & (database.n_edges[topologies] > 1)
        new = ~np.isin(topologies, database.topology_of[exact])
        eligible = topologies[large & new]
        instances, ratings = database.representative[eligible], preference(eligible)
        if ratings is None:
            return self._drawn(instances, rng)
        return instances[np.argsort(-ratings, kind="stable")]

    def _drawn(self, instances: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
        """Return instances in random order: uniform, or by the ranking."""
        if self.ranking is None:
            return rng.permutation(instances)
        return self.ranking.draw(instances, rng)

    def _closure(self, instance: int) -> Closure:
        """Return the closure of an instance; instances of one topology share it."""
        topology = int(self.database.topology_of[instance])
        if topology not in self._closures:
            self._closures[topology] = Closure(self.database.graph(instance))
        return self._closures[topology]


def _match(region: Region, segment: Graph, rng: np.random.Generator) -> Wiring:
    """Return a random wiring in which every shape meets its equal."""
    entering = input_shapes(segment)[segment.sources]
    leaving = output_shapes(segment)[segment.sinks]
    return Wiring(_pair(entering, region.inputs, rng), _pair(region.outputs, leaving, rng))


def _pair(
    wanted: NDArray[np.int32], offered: NDArray[np.int32], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each row of ``wanted`` a different row of ``offered`` with equal values, at
    random.
    """
    stock: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row in rng.permutation(len(offered)).tolist():
        stock[tuple(offered[row].tolist())].append(row)
    return np.array([stock[tuple(row)].pop() for row in wanted.tolist()], dtype=np.int64)
