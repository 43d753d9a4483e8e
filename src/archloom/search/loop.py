"""The evolution loop that all searches share: rounds, no repeats, budgets, resuming.

It knows of networks only that each has a hash, figures and a parent. Which of them are mutated, how
that is done and what the children are worth is up to the search:
``archloom.search.graphs.evolution`` evolves graphs, ``archloom.search.units.search`` architectures.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from archloom.search.archive import SearchFolder
from archloom.search.constraints import Limits
from archloom.search.figures import Costly, Value

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, int, int], None]
"""Called with (iteration, iterations, parents done, parents)."""

Network = TypeVar("Network")
Task = TypeVar("Task")
"""What it takes to mutate one parent."""


def stream(seed: int, iteration: int, name: str) -> np.random.Generator:
    """Return the random stream called ``name`` (a graph hash or a word) of an iteration, so that
    results depend neither on who draws when nor on a restart.
    """
    return np.random.default_rng([seed, iteration, *name.encode()])


@dataclass(frozen=True)
class Budget:
    """What ends a search: rounds, then visited networks and minutes where they are not None."""

    iterations: int
    max_visited: int | None = None
    minutes: float | None = None


@dataclass(eq=False)
class Candidate(Generic[Network]):
    """A child with the figures known so far; ``network`` is None once a limit refuses it."""

    hash: str
    values: dict[str, float]
    parent: str
    step: str
    network: Network | None
    refusal: str = ""

    def judge(self, limits: Limits) -> None:
        """Refuse the child if a figure is beyond its limits."""
        self.refusal = limits.refusal(self.values)
        if self.refusal:
            self.network = None

    def take(self, name: str, value: Value, limits: Limits) -> None:
        """Add a figure, or the reason why there is none."""
        if isinstance(value, str):
            self.refusal, self.network = f"no {name}: {value}", None
            return
        self.values[name] = value
        self.judge(limits)


def judge_all(
    candidates: Sequence[Candidate[Network]], figures: Sequence[Costly[Network]], limits: Limits
) -> None:
    """Add the figures, one after the other, to the candidates that nothing has refused so far."""
    for figure in figures:
        passed = [one for one in candidates if not one.refusal]
        found = figure.values([one.network for one in passed if one.network is not None])
        for one, value in zip(passed, found, strict=True):
            one.take(figure.name, value, limits)


class Offspring(Protocol[Network]):
    """What came of one parent."""

    @property
    def candidates(self) -> Sequence[Candidate[Network]]:
        """New networks."""

    @property
    def n_children(self) -> int:
        """How many were made, repeated and refused ones included."""

    @property
    def rejected(self) -> Counter[str]:
        """How many came to nothing, by reason."""


Litter = TypeVar("Litter", bound=Offspring[Any])


class Evolution(ABC, Generic[Network, Task, Litter]):
    """One run of a search, whose state lies in an archive."""

    def __init__(
        self,
        archive: SearchFolder[Network],
        budget: Budget,
        progress: Progress | None = None,
    ) -> None:
        self.archive, self.budget, self.progress = archive, budget, progress
        spent = sum(entry["seconds"] for entry in archive.statistics)
        minutes = inf if budget.minutes is None else budget.minutes
        self._deadline = time.perf_counter() + 60 * minutes - spent

    @abstractmethod
    def first(self) -> list[Candidate[Network]]:
        """Return what the search starts from, with all figures."""

    @abstractmethod
    def tasks(self, number: int) -> Sequence[Task]:
        """Return the parents of an iteration."""

    @abstractmethod
    def evaluate(self, candidates: Sequence[Candidate[Network]]) -> list[Candidate[Network]]:
        """Return the candidates with the figures that they lacked; those that time did not suffice
        for are left out.
        """

    @abstractmethod
    def facts(self, outcomes: Sequence[Litter]) -> dict[str, Any]:
        """Return what else is to be known of an iteration, as JSON values."""

    def adopt(self, network: Network, number: int, index: int) -> Network:
        """Return an accepted child as it is kept, the ``index``-th of iteration ``number``."""
        return network

    @property
    def stopped(self) -> str:
        """What has ended the search, "" while it goes on."""
        budget, archive = self.budget, self.archive
        if archive.n_iterations > budget.iterations:
            return "iterations"
        if budget.max_visited is not None and len(archive.seen) >= budget.max_visited:
            return "visited"
        return "time" if self._out_of_time() else ""

    def run(self, mutate: Callable[[Sequence[Task]], Iterator[Litter]]) -> None:
        """Go on until the search is over."""
        self.begin()
        while not self.stopped:
            self.iterate(mutate)

    def begin(self) -> None:
        """Record what the search starts from, unless that is done."""
        if not self.archive.n_iterations:
            begun = time.perf_counter()
            first = self.first()
            self._record(0, first, [], time.perf_counter() - begun)

    def iterate(self, mutate: Callable[[Sequence[Task]], Iterator[Litter]]) -> None:
        """Run one iteration and write it to the archive."""
        begun, number, archive = time.perf_counter(), self.archive.n_iterations, self.archive
        tasks = self.tasks(number)
        new: dict[str, Candidate[Network]] = {}
        outcomes: list[Litter] = []
        for done, outcome in enumerate(mutate(tasks), start=1):
            for candidate in outcome.candidates:
                if candidate.hash in archive.seen or candidate.hash in new:
                    outcome.rejected["seen before"] += 1
                else:
                    new[candidate.hash] = candidate
            outcomes.append(outcome)
            logger.debug("iteration %d parent %d/%d", number, done, len(tasks))
            if self.progress:
                self.progress(number, self.budget.iterations, done, len(tasks))
            if self._out_of_time():
                break
        evaluated = self.evaluate(list(new.values()))
        self._record(number, evaluated, outcomes, time.perf_counter() - begun)

    def _out_of_time(self) -> bool:
        return time.perf_counter() >= self._deadline

    def _record(
        self,
        number: int,
        candidates: Sequence[Candidate[Network]],
        outcomes: Sequence[Litter],
        seconds: float,
    ) -> None:
        rows: dict[str, list[Any]] = {
            "hash": [one.hash for one in candidates],
            **{name: [one.values.get(name) for one in candidates] for name in self.archive.figures},
            "iteration": [number] * len(candidates),
            "accepted": [not one.refusal for one in candidates],
            "parent": [one.parent for one in candidates],
            "step": [one.step for one in candidates],
        }
        kept = [one.network for one in candidates if one.network is not None and not one.refusal]
        if number:
            kept = [self.adopt(network, number, index) for index, network in enumerate(kept)]
        rejected = Counter(one.refusal for one in candidates if one.refusal)
        for outcome in outcomes:
            rejected.update(outcome.rejected)
        statistics = {
            "iteration": number,
            "parents": len(outcomes),
            "children": sum(outcome.n_children for outcome in outcomes),
            "unique": len(candidates) if number else 0,
            "accepted": len(kept),
            "rejected": {reason: n for reason, n in sorted(rejected.items()) if n},
            **self.facts(outcomes),
            "seconds": round(seconds, 3),
        }
        self.archive.add_iteration(rows, kept, statistics)
        logger.info(
            "iteration %d/%d parents %d children %d new %d accepted %d visited %d",
            number,
            self.budget.iterations,
            statistics["parents"],
            statistics["children"],
            statistics["unique"],
            statistics["accepted"],
            len(self.archive.seen),
        )
