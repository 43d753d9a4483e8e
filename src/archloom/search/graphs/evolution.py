"""Evolution of a graph (AutoGO spec 5.2): parents, children, acceptance, Pareto front."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from archloom.errors import SearchError
from archloom.graph import Graph, check
from archloom.search.archive import Archive
from archloom.search.front import choose_parents, pareto_front
from archloom.search.goals import Goals
from archloom.search.graphs.mutation import Mutator
from archloom.search.graphs.result import Member, SearchResult
from archloom.search.graphs.workers import Outcome, Task, workers
from archloom.search.loop import Budget, Candidate, Evolution, Progress, judge_all, stream
from archloom.search.shapes.propagation import PropagationStats
from archloom.train.latency import compare_latency

ID_BLOCK = 1 << 20
"""Iteration i numbers new nodes from ``i * ID_BLOCK`` on, so an id means one node in the whole
lineage.
"""

COSTLY_CHUNK = 64
"""Graphs whose costly figures are evaluated before the clock is looked at."""


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
    home = nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory(prefix="archloom-")
    with (
        home as path,
        open_search(graph, mutator, goals, path, seed=seed, progress=progress) as search,
    ):
        with workers(mutator, n_jobs) as mutate:
            search.run(mutate)
        return search.result()


@contextmanager
def open_search(
    graph: Graph,
    mutator: Mutator,
    goals: Goals | None,
    folder: str | Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[GraphSearch]:
    """Yield the search whose state lies in ``folder``, see ``evolve``; nobody else may open it
    meanwhile.
    """
    check(graph)
    settings = mutator.settings
    goals = goals or Goals.of(settings.objectives, settings.constraints, settings.latency_threads)
    fingerprint = {
        "input": graph.hash,
        "seed": seed,
        "made_of": mutator.identity,
        **settings.identity,
        **goals.identity,
    }
    with Archive(folder, fingerprint, goals.names) as archive:
        yield GraphSearch(archive, graph, mutator, goals, seed, progress)


class GraphSearch(Evolution[Graph, Task, Outcome]):
    """One search, as ``evolve`` runs it."""

    def __init__(
        self,
        archive: Archive,
        graph: Graph,
        mutator: Mutator,
        goals: Goals,
        seed: int,
        progress: Progress | None,
    ) -> None:
        settings = mutator.settings
        budget = Budget(settings.iterations, settings.max_visited, settings.minutes)
        super().__init__(archive, budget, progress)
        self.graph, self.mutator, self.goals, self.seed = graph, mutator, goals, seed
        self._first_id = max(int(graph.ids.max()), 0) // ID_BLOCK * ID_BLOCK

    def first(self) -> list[Candidate[Graph]]:
        """Return the input."""
        graph, settings = self.graph, self.mutator.settings
        values = {"score": self.mutator.baseline(graph, stream(self.seed, 0, graph.hash))}
        if not isfinite(values["score"]):
            raise SearchError(
                f"{graph!r} has no predicted score: none of its segments can be replaced by the "
                f"operations of {settings.family!r}; name another family of operations."
            )
        for count in self.goals.counts:
            values[count.name] = float(count.values([graph])[0])
        for objective in self.goals.costly:
            (found,) = objective.values([graph])
            if isinstance(found, str):
                raise SearchError(f"the input has no {objective.name}: {found}.")
            values[objective.name] = found
        return [Candidate(graph.hash, values, "", "", graph)]

    def tasks(self, number: int) -> list[Task]:
        """Return the chosen parents (``choose_parents``)."""
        archive, goals = self.archive, self.goals
        chosen = choose_parents(
            archive.values[:, goals.columns],
            goals.maximise,
            self.mutator.settings.top_k,
            stream(self.seed, number, "parents"),
        )
        limits, first_id = goals.limits(archive.base), self._first_id + number * ID_BLOCK
        return [
            Task(parent, self.seed, number, first_id, goals.counts, limits)
            for parent in archive.networks(chosen.tolist())
        ]

    def evaluate(self, candidates: Sequence[Candidate[Graph]]) -> list[Candidate[Graph]]:
        """Return the candidates with their costly figures, as far as they need them; those that
        time did not suffice for are left out.
        """
        if not self.goals.costly:
            return list(candidates)
        limits = self.goals.limits(self.archive.base)
        done: list[Candidate[Graph]] = []
        for start in range(0, len(candidates), COSTLY_CHUNK):
            if start and self._out_of_time():
                break
            chunk = candidates[start : start + COSTLY_CHUNK]
            judge_all(chunk, self.goals.costly, limits)
            done += chunk
        return done

    def adopt(self, network: Graph, number: int, index: int) -> Graph:
        """Name a child after the input."""
        return network.replace(name=f"{self.graph.name}-{number}-{index}")

    def facts(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """Return how shapes were propagated and what took time."""
        activity: Counter[str] = Counter()
        propagation = PropagationStats()
        for outcome in outcomes:
            activity.update(outcome.brood.seconds)
            propagation.add(outcome.propagation)
        return {
            "propagation": propagation.to_dict(),
            "activity_seconds": {name: round(value, 3) for name, value in activity.items()},
        }

    def result(self) -> SearchResult:
        """Return the front without the input; latencies are measured again."""
        archive, goals = self.archive, self.goals
        limits, values = goals.limits(archive.base), archive.values
        reached = [
            index
            for index, row in enumerate(values.tolist())
            if not index or limits.reached(dict(zip(goals.names, row, strict=True)))
        ]
        front = pareto_front(values[np.ix_(reached, goals.columns)], goals.maximise)
        better = [index for index in np.array(reached)[front].tolist() if index]
        members = [
            Member(
                graph=graph,
                values=dict(zip(goals.names, values[index].tolist(), strict=True)),
                iteration=int(archive.iteration[index]),
                parent=archive.parent(graph.hash),
                steps=archive.lineage(graph.hash),
            )
            for index, graph in zip(better, archive.networks(better), strict=True)
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
            visited=archive.visited(),
            goals=goals,
            settings=self.mutator.settings,
            seed=self.seed,
            stopped=self.stopped,
        )
