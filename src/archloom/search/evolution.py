"""The evolution loop (AutoGO spec 5.2): parents, children, acceptance, Pareto front, budgets."""

from __future__ import annotations

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from archloom.errors import SearchError
from archloom.graph import Graph, check
from archloom.search.archive import Archive
from archloom.search.constraints import Limits
from archloom.search.front import choose_parents, pareto_front
from archloom.search.goals import Goals
from archloom.search.mutation import Mutator
from archloom.search.propagation import PropagationStats
from archloom.search.result import Member, SearchResult, propagation_entry
from archloom.search.settings import SearchSettings
from archloom.search.workers import Candidate, Outcome, Task, stream, workers
from archloom.train.latency import compare_latency

logger = logging.getLogger(__name__)

ID_BLOCK = 1 << 20
"""Iteration i numbers new nodes from ``i * ID_BLOCK`` on, so an id means one node in the whole
lineage.
"""

COSTLY_CHUNK = 64
"""Graphs whose costly figures are evaluated before the clock is looked at."""

Progress = Callable[[int, int, int, int], None]
"""Called with (iteration, iterations, parents done, parents)."""


def evolve(
    graph: Graph,
    mutator: Mutator,
    goals: Goals | None = None,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> SearchResult:
    """Evolve ``graph`` and return the Pareto front over the objectives that was found.

    goals    default: those that the mutator's settings name
    folder   keeps the state after every iteration and resumes from it; default: a temporary one
    n_jobs   processes that mutate parents; the result does not depend on it

    Raises ``GraphError`` for an invalid input, ``ConfigError`` for goals that cannot be read and
    ``SearchError`` for a folder in use or of other settings, or an input without a figure.
    """
    check(graph)
    settings = mutator.settings
    goals = goals or Goals.of(settings.objectives, settings.constraints, settings.latency_threads)
    home = nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory(prefix="archloom-")
    fingerprint = {
        "input": graph.hash,
        "seed": seed,
        "made_of": mutator.identity,
        **settings.identity,
        **goals.identity,
    }
    with home as path, Archive(path, fingerprint, goals.names) as archive:
        search = _Search(archive, graph, goals, settings, seed, progress)
        if not archive.n_iterations:
            search.start(mutator)
        with workers(mutator, n_jobs) as mutate:
            while not search.stopped:
                search.iterate(mutate)
        return search.result()


class _Search:
    """One run of ``evolve``."""

    def __init__(
        self,
        archive: Archive,
        graph: Graph,
        goals: Goals,
        settings: SearchSettings,
        seed: int,
        progress: Progress | None,
    ) -> None:
        self.archive, self.graph, self.goals, self.settings = archive, graph, goals, settings
        self.seed, self.progress = seed, progress
        spent = sum(entry["seconds"] for entry in archive.statistics)
        minutes = inf if settings.minutes is None else settings.minutes
        self._deadline = time.perf_counter() + 60 * minutes - spent
        self._first_id = max(int(graph.ids.max()), 0) // ID_BLOCK * ID_BLOCK

    @property
    def stopped(self) -> str:
        """What has ended the search, "" while it goes on."""
        settings, archive = self.settings, self.archive
        if archive.n_iterations > settings.iterations:
            return "iterations"
        if settings.max_visited is not None and len(archive.seen) >= settings.max_visited:
            return "visited"
        return "time" if self._out_of_time() else ""

    def _out_of_time(self) -> bool:
        return time.perf_counter() >= self._deadline

    def start(self, mutator: Mutator) -> None:
        """Record the input as iteration 0."""
        graph, begun = self.graph, time.perf_counter()
        values = {"score": mutator.baseline(graph, stream(self.seed, 0, graph.hash))}
        if not isfinite(values["score"]):
            raise SearchError(
                f"{graph!r} has no predicted score: none of its segments can be replaced by the "
                f"operations of {self.settings.family!r}; name another family of operations."
            )
        for count in self.goals.counts:
            values[count.name] = float(count.values([graph])[0])
        for objective in self.goals.costly:
            (found,) = objective.values([graph])
            if isinstance(found, str):
                raise SearchError(f"the input has no {objective.name}: {found}.")
            values[objective.name] = found
        candidate = Candidate(graph.hash, values, "", "", graph)
        self._record(0, [candidate], [], time.perf_counter() - begun)

    def iterate(self, mutate: Callable[[Sequence[Task]], Iterator[Outcome]]) -> None:
        """Run one iteration and write it to the archive."""
        begun, number, archive = time.perf_counter(), self.archive.n_iterations, self.archive
        chosen = choose_parents(
            archive.values[:, self.goals.columns],
            self.goals.maximise,
            self.settings.top_k,
            stream(self.seed, number, "parents"),
        )
        parents = [archive.graph(index) for index in chosen.tolist()]
        limits = self.goals.limits(archive.base)
        first_id = self._first_id + number * ID_BLOCK
        tasks = [
            Task(parent, self.seed, number, first_id, self.goals.counts, limits)
            for parent in parents
        ]
        new: dict[str, Candidate] = {}
        outcomes: list[Outcome] = []
        for done, outcome in enumerate(mutate(tasks), start=1):
            for candidate in outcome.candidates:
                if candidate.hash in archive.seen or candidate.hash in new:
                    outcome.brood.rejected["seen before"] += 1
                else:
                    new[candidate.hash] = candidate
            outcomes.append(outcome)
            logger.debug("iteration %d parent %d/%d", number, done, len(tasks))
            if self.progress:
                self.progress(number, self.settings.iterations, done, len(tasks))
            if self._out_of_time():
                break
        evaluated = self._evaluate(list(new.values()), limits)
        self._record(number, evaluated, outcomes, time.perf_counter() - begun)

    def _evaluate(self, candidates: Sequence[Candidate], limits: Limits) -> list[Candidate]:
        """Return the candidates with their costly figures, as far as they need them; those that
        time did not suffice for are left out.
        """
        if not self.goals.costly:
            return list(candidates)
        done: list[Candidate] = []
        for start in range(0, len(candidates), COSTLY_CHUNK):
            if start and self._out_of_time():
                break
            chunk = candidates[start : start + COSTLY_CHUNK]
            for objective in self.goals.costly:
                passed = [one for one in chunk if not one.refusal]
                found = objective.values([one.graph for one in passed if one.graph is not None])
                for one, figure in zip(passed, found, strict=True):
                    one.take(objective.name, figure, limits)
            done += chunk
        return done

    def _record(
        self,
        number: int,
        candidates: Sequence[Candidate],
        outcomes: Sequence[Outcome],
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
        accepted = [one.graph for one in candidates if one.graph is not None and not one.refusal]
        if number:
            accepted = [
                child.replace(name=f"{self.graph.name}-{number}-{index}")
                for index, child in enumerate(accepted)
            ]
        refused = Counter(one.refusal for one in candidates if one.refusal)
        statistics = _statistics(number, outcomes, refused, len(candidates), len(accepted), seconds)
        self.archive.add_iteration(rows, accepted, statistics)
        logger.info(
            "iteration %d/%d parents %d children %d new %d accepted %d visited %d",
            number,
            self.settings.iterations,
            statistics["parents"],
            statistics["children"],
            statistics["unique"],
            statistics["accepted"],
            len(self.archive.seen),
        )

    def result(self) -> SearchResult:
        """Return the front without the input; latencies are measured again."""
        archive, goals = self.archive, self.goals
        table = archive.visited()
        kept = table.filter(table["accepted"]).select(["hash", "parent"]).to_pylist()
        limits, values = goals.limits(archive.base), archive.values
        reached = [
            index
            for index, row in enumerate(values.tolist())
            if not index or limits.reached(dict(zip(goals.names, row, strict=True)))
        ]
        front = pareto_front(values[np.ix_(reached, goals.columns)], goals.maximise)
        members = [
            Member(
                graph=archive.graph(index),
                values=dict(zip(goals.names, values[index].tolist(), strict=True)),
                iteration=int(archive.iteration[index]),
                parent=kept[index]["parent"],
                steps=archive.lineage(kept[index]["hash"]),
            )
            for index in np.array(reached)[front].tolist()
            if index
        ]
        timing = goals.timing
        if timing is not None:
            again = compare_latency(self.graph, [member.graph for member in members], timing)
            members = [
                replace(member, latency=found, confirmed=goals.confirmed(found))
                for member, found in zip(members, again, strict=True)
            ]
        return SearchResult(
            graph=self.graph,
            values=archive.base,
            members=members,
            statistics=archive.statistics,
            visited=table,
            goals=goals,
            settings=self.settings,
            seed=self.seed,
            stopped=self.stopped,
        )


def _statistics(
    number: int,
    outcomes: Sequence[Outcome],
    refused: Counter[str],
    unique: int,
    accepted: int,
    seconds: float,
) -> dict[str, Any]:
    rejected: Counter[str] = refused.copy()
    activity: Counter[str] = Counter()
    propagation = PropagationStats()
    for outcome in outcomes:
        rejected.update(outcome.brood.rejected)
        activity.update(outcome.brood.seconds)
        propagation.add(outcome.propagation)
    return {
        "iteration": number,
        "parents": len(outcomes),
        "children": sum(len(outcome.brood.hashes) for outcome in outcomes),
        "unique": unique if number else 0,
        "accepted": accepted,
        "rejected": {reason: n for reason, n in sorted(rejected.items()) if n},
        "propagation": propagation_entry(propagation),
        "activity_seconds": {name: round(value, 3) for name, value in activity.items()},
        "seconds": round(seconds, 3),
    }
