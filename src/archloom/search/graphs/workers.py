"""Parents to mutate, the children that come back, and the processes that do it.

Random numbers come from streams named by seed, iteration and parent, so results depend neither on
the number of processes nor on a restart.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from archloom.errors import SearchError
from archloom.graph import Graph
from archloom.processes import process_pool
from archloom.search.constraints import Limits
from archloom.search.figures import Count
from archloom.search.graphs.mutation import Brood, Mutator
from archloom.search.loop import Candidate, stream
from archloom.search.shapes.propagation import PropagationStats

_SLOW_IMPORTS = ("torch", "pyarrow.parquet", "highspy")
"""What workers need and take longest to import."""


@dataclass(frozen=True, eq=False)
class Task:
    """One parent to mutate; new nodes get ids from ``first_id`` on."""

    parent: Graph
    seed: int
    iteration: int
    first_id: int
    counts: tuple[Count, ...]
    limits: Limits


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a task."""

    brood: Brood
    candidates: list[Candidate[Graph]]
    propagation: PropagationStats

    @property
    def n_children(self) -> int:
        """Number of children, repeated and refused ones included."""
        return len(self.brood.hashes)

    @property
    def rejected(self) -> Counter[str]:
        """Number of children that came to nothing, by reason."""
        return self.brood.rejected


def _mutate(mutator: Mutator, task: Task) -> Outcome:
    """Mutate a parent, count what can be counted, refuse what is beyond the limits."""
    mutator.propagator.stats = PropagationStats()
    rng = stream(task.seed, task.iteration, task.parent.hash)
    brood = mutator(task.parent, rng, task.first_id)
    columns = {"score": brood.scores}
    columns |= {count.name: count.values(brood.graphs) for count in task.counts}
    candidates = []
    for index, child in enumerate(brood.graphs):
        values = {name: float(column[index]) for name, column in columns.items()}
        candidates.append(
            Candidate(brood.hashes[index], values, task.parent.hash, brood.steps[index], child)
        )
        candidates[-1].judge(task.limits)
    brood.graphs = []
    return Outcome(brood, candidates, mutator.propagator.stats)


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
def workers(
    mutator: Mutator, n_jobs: int
) -> Iterator[Callable[[Sequence[Task]], Iterator[Outcome]]]:
    """Yield a function that maps tasks to outcomes in order, in this process or in ``n_jobs``
    others.
    """
    if n_jobs == 1:
        yield lambda tasks: (_mutate(mutator, task) for task in tasks)
        return
    loaded = [name for name in _SLOW_IMPORTS if name in sys.modules]
    with process_pool(n_jobs, _prepare_worker, (mutator,), preload=loaded) as pool:
        yield lambda tasks: pool.map(_mutate_in_worker, tasks)
