"""The evolution loop (AutoGO spec 5.2): parents, children, acceptance, Pareto front.

Random numbers come from streams named by seed, iteration and parent, so results depend neither on
the number of processes nor on a restart.
"""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archloom.errors import SearchError
from archloom.graph import Graph, check, flops
from archloom.search.archive import Archive
from archloom.search.front import choose_parents, pareto_front
from archloom.search.mutation import Brood, Mutator
from archloom.search.propagation import PropagationStats
from archloom.search.settings import SearchSettings

logger = logging.getLogger(__name__)

ID_BLOCK = 1 << 20
"""Iteration i numbers new nodes from ``i * ID_BLOCK`` on, so an id means one node in the whole
lineage.
"""

Progress = Callable[[int, int, int, int], None]
"""Called with (iteration, iterations, parents done, parents)."""


@dataclass(frozen=True)
class Limits:
    """What a child must reach to be accepted (AutoGO spec 5.2, step 9)."""

    base_score: float
    base_flops: int
    min_decrease: float
    max_decrease: float

    def refusal(self, score: float, flops: int) -> str:
        """Return why a child is not accepted, "" if it is."""
        decrease = 100 * (self.base_flops - flops) / self.base_flops
        if not np.isfinite(score):
            return "score not finite"
        if decrease <= self.min_decrease:
            return "too many FLOPs"
        if decrease >= self.max_decrease:
            return "too few FLOPs"
        return "" if score > self.base_score else "score not above the input's"


@dataclass(frozen=True, eq=False)
class Member:
    """One member of the final front."""

    graph: Graph
    score: float
    flops: int
    iteration: int
    parent: str
    steps: list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found in ``graph``, whose own ``score`` and ``flops`` are the baseline.

    members      the front without the input, by falling score; empty when nothing better was found
    statistics   one entry per iteration: parents, children, unique, accepted, rejected by reason,
                 seconds
    visited      table of all scored graphs, see ``archloom.search.archive.VISITED_SCHEMA``
    """

    graph: Graph
    score: float
    flops: int
    members: list[Member]
    statistics: list[dict[str, Any]]
    visited: Any
    settings: SearchSettings
    seed: int

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def __getitem__(self, rank: int) -> Member:
        return self.members[rank]

    @property
    def rejected(self) -> Counter[str]:
        """Rejected candidates of all iterations, by reason."""
        total: Counter[str] = Counter()
        for entry in self.statistics:
            total.update(entry["rejected"])
        return total

    @property
    def propagation(self) -> PropagationStats:
        """Shape propagation over all iterations."""
        total = PropagationStats()
        for entry in self.statistics:
            part = entry["propagation"]
            total.add(
                PropagationStats(
                    part["calls"], part["hits"], Counter(part["outcomes"]), part["seconds"]
                )
            )
        return total


def evolve(
    graph: Graph,
    mutator: Mutator,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> SearchResult:
    """Evolve ``graph`` and return the Pareto front of (score, FLOPs) that was found.

    folder   keeps the state after every iteration and resumes from it; default: a temporary one
    n_jobs   processes that mutate parents; the result does not depend on it

    Raises ``GraphError`` for an invalid input and ``SearchError`` for a folder in use or of other
    settings.
    """
    check(graph)
    settings = mutator.settings
    home = nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory(prefix="archloom-")
    fingerprint = {
        "input": graph.hash,
        "seed": seed,
        "made_of": mutator.identity,
        **settings.identity,
    }
    with home as path, Archive(path, fingerprint) as archive:
        if not archive.n_iterations:
            _start(archive, graph, mutator, seed)
        with _workers(mutator, n_jobs) as mutate:
            while archive.n_iterations <= settings.iterations and not _spent(archive, settings):
                _iterate(archive, graph, mutate, settings, seed, progress)
        return _result(archive, graph, settings, seed)


def _spent(archive: Archive, settings: SearchSettings) -> bool:
    return settings.max_visited is not None and len(archive.seen) >= settings.max_visited


def _start(archive: Archive, graph: Graph, mutator: Mutator, seed: int) -> None:
    """Record the input as iteration 0."""
    score = mutator.baseline(graph, stream(seed, 0, graph.hash))
    row = (graph.hash, score, flops(graph), 0, True, "", "")
    archive.add_iteration(_rows([row]), [graph], _statistics(0, [], [], 0.0))


def _iterate(
    archive: Archive,
    graph: Graph,
    mutate: Callable[[Sequence[Task]], Iterator[Outcome]],
    settings: SearchSettings,
    seed: int,
    progress: Progress | None,
) -> None:
    """Run one iteration and write it to ``archive``."""
    begun, number = time.perf_counter(), archive.n_iterations
    chosen = choose_parents(
        archive.score,
        archive.flops.astype(np.float64),
        settings.top_k,
        stream(seed, number, "parents"),
    )
    parents = [archive.graph(index) for index in chosen.tolist()]
    limits = Limits(
        float(archive.score[0]),
        int(archive.flops[0]),
        settings.min_flops_decrease,
        settings.max_flops_decrease,
    )
    tasks = [Task(parent, seed, number, limits) for parent in parents]
    rows: list[tuple[Any, ...]] = []
    accepted: list[Graph] = []
    outcomes: list[Outcome] = []
    seen_now: set[str] = set()
    for done, outcome in enumerate(mutate(tasks), start=1):
        brood = outcome.brood
        for index, digest in enumerate(brood.hashes):
            if digest in archive.seen or digest in seen_now:
                brood.rejected["seen before"] += 1
                continue
            seen_now.add(digest)
            row = (float(brood.scores[index]), int(brood.flops[index]))
            reason = limits.refusal(*row)
            brood.rejected.update([reason] if reason else [])
            rows.append(
                (digest, *row, number, not reason, parents[done - 1].hash, brood.steps[index])
            )
            if not reason:
                name = f"{graph.name}-{number}-{len(accepted)}"
                accepted.append(outcome.graphs[index].replace(name=name))
        outcome.graphs.clear()
        outcomes.append(outcome)
        logger.debug("iteration %d parent %d/%d", number, done, len(tasks))
        if progress:
            progress(number, settings.iterations, done, len(tasks))
    statistics = _statistics(number, outcomes, rows, time.perf_counter() - begun)
    archive.add_iteration(_rows(rows), accepted, statistics)
    logger.info(
        "iteration %d/%d parents %d children %d new %d accepted %d visited %d",
        number,
        settings.iterations,
        len(parents),
        statistics["children"],
        statistics["unique"],
        statistics["accepted"],
        len(archive.seen),
    )


def _rows(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    names = ("hash", "score", "flops", "iteration", "accepted", "parent", "step")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _statistics(
    number: int, outcomes: Sequence[Outcome], rows: Sequence[tuple[Any, ...]], seconds: float
) -> dict[str, Any]:
    rejected: Counter[str] = Counter()
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
        "unique": len(rows),
        "accepted": sum(row[4] for row in rows),
        "rejected": {reason: n for reason, n in sorted(rejected.items()) if n},
        "propagation": propagation_entry(propagation),
        "activity_seconds": {name: round(value, 3) for name, value in activity.items()},
        "seconds": round(seconds, 3),
    }


def propagation_entry(stats: PropagationStats) -> dict[str, Any]:
    """Return propagation counts as JSON values."""
    outcomes = dict(sorted(stats.outcomes.items()))
    return {
        "calls": stats.calls,
        "hits": stats.hits,
        "outcomes": outcomes,
        "seconds": stats.seconds,
    }


def _result(archive: Archive, graph: Graph, settings: SearchSettings, seed: int) -> SearchResult:
    table = archive.visited()
    kept = table.filter(table["accepted"]).select(["hash", "parent"]).to_pylist()
    members = []
    for index in pareto_front(archive.score, archive.flops.astype(np.float64)).tolist():
        if index == 0:
            continue
        member = archive.graph(index)
        members.append(
            Member(
                member,
                float(archive.score[index]),
                int(archive.flops[index]),
                int(archive.iteration[index]),
                kept[index]["parent"],
                archive.lineage(kept[index]["hash"]),
            )
        )
    return SearchResult(
        graph=graph,
        score=float(archive.score[0]),
        flops=int(archive.flops[0]),
        members=members,
        statistics=archive.statistics,
        visited=table,
        settings=settings,
        seed=seed,
    )


# --- streams and processes ---


def stream(seed: int, iteration: int, name: str) -> np.random.Generator:
    """Return the random stream called ``name`` (a graph hash or a word) of an iteration."""
    return np.random.default_rng([seed, iteration, *name.encode()])


@dataclass(frozen=True, eq=False)
class Task:
    """One parent to mutate."""

    parent: Graph
    seed: int
    iteration: int
    limits: Limits


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a task; ``graphs`` has the acceptable children only, by their number in
    ``brood``.
    """

    brood: Brood
    graphs: dict[int, Graph]
    propagation: PropagationStats


def _mutate(mutator: Mutator, task: Task) -> Outcome:
    mutator.propagator.stats = PropagationStats()
    rng = stream(task.seed, task.iteration, task.parent.hash)
    brood = mutator(task.parent, rng, task.iteration * ID_BLOCK)
    graphs = {
        index: child
        for index, child in enumerate(brood.graphs)
        if not task.limits.refusal(float(brood.scores[index]), int(brood.flops[index]))
    }
    brood.graphs = []
    return Outcome(brood, graphs, mutator.propagator.stats)


_worker_mutator: Mutator | None = None


def _prepare_worker(mutator: Mutator) -> None:
    """Keep the mutator of this process."""
    global _worker_mutator
    _worker_mutator = mutator


def _mutate_in_worker(task: Task) -> Outcome:
    if _worker_mutator is None:
        raise SearchError(
            "the worker process was not prepared: this is a defect, please report it."
        )
    return _mutate(_worker_mutator, task)


@contextmanager
def _workers(
    mutator: Mutator, n_jobs: int
) -> Iterator[Callable[[Sequence[Task]], Iterator[Outcome]]]:
    """Yield a function that maps tasks to outcomes in order, in this process or in ``n_jobs``
    others.
    """
    if n_jobs == 1:
        yield lambda tasks: (_mutate(mutator, task) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_jobs, context, _prepare_worker, (mutator,)) as pool:
        yield lambda tasks: pool.map(_mutate_in_worker, tasks)
