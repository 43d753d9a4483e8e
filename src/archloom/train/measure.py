"""Measuring the accuracy of many graphs: worker processes, shards that survive a kill.

Small networks are trained one per process and thread. On two cores that is about as fast as one
process of two threads (``benchmarks/training/bench_training_parallel.py``), it does not stall when
the machine is busy, and sums are added in the same order everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from archloom.data.images import Images
from archloom.data.labels import Label
from archloom.errors import ArchloomError, TrainingError
from archloom.graph import Graph
from archloom.processes import process_pool
from archloom.train.kept import append, read_kept
from archloom.train.recipe import Recipe

log = logging.getLogger(__name__)

METRIC = "accuracy"
Key = tuple[str, int]
"""Graph hash and seed."""


@dataclass(frozen=True)
class Failure:
    """A graph that could not be trained, and why."""

    graph: str
    name: str
    seed: int
    reason: str


@dataclass(frozen=True)
class Measurement:
    """Labels and failures, in the order of the graphs asked for, then of the seeds."""

    labels: list[Label]
    failures: list[Failure]


def measure(
    graphs: Sequence[Graph],
    images: Images,
    recipe: Recipe,
    seeds: Sequence[int] | Callable[[int], Sequence[int]] = (0,),
    known: Iterable[Label] = (),
    out: str | Path | None = None,
    weights: str | Path | None = None,
    n_jobs: int = 2,
    progress: Callable[[int, int], None] | None = None,
    device: str = "cpu",
) -> Measurement:
    """Train every graph with every seed and return its test accuracy as labels.

    ``seeds`` are those of every graph, or a function of the position of the graph (so that the
    first ones get more). Pairs in ``known`` (labels of this recipe) are not trained again.
    ``out`` is a folder for results as they come, see ``archloom.train.kept``: a later call with the
    same recipe takes from there what is as it was written, and goes on with a long training from
    its checkpoint in ``out``; calls in several processes may share it. ``weights`` is a folder for
    the trained weights of every pair (``weights_files``); keep it as long as ``out``. ``progress``
    gets (done, total). ``device`` is cpu, cuda or auto; the ``n_jobs`` processes share one GPU. On
    a CPU the result does not depend on ``n_jobs`` or on interruptions. A graph that cannot be
    trained becomes a ``Failure``; it is tried again by the next call. Raises ``ConfigError`` for a
    device that is not there.
    """
    from archloom.train.device import choose_device

    choose_device(device)  # raises before any process starts
    wanted = _wanted(graphs, seeds)
    found = {
        (label.graph, label.seed): label
        for label in [*known, *(read_kept(Path(out), recipe.hash) if out else [])]
        if label.recipe == recipe.hash and label.metric == METRIC
    }
    missing = [
        (graph, seed) for (_, seed), graph in wanted.items() if (graph.hash, seed) not in found
    ]
    failures: dict[Key, Failure] = {}
    done = len(wanted) - len(missing)
    folders = _Folders(*(Path(folder) if folder else None for folder in (out, weights)))
    task = _Task(images, recipe, device, folders)
    for result in _train_all(missing, task, n_jobs):
        if isinstance(result, Failure):
            failures[result.graph, result.seed] = result
            log.warning("%s, seed %d: %s", result.name, result.seed, result.reason)
        else:
            found[result.graph, result.seed] = result
        done += 1
        if progress is not None:
            progress(done, len(wanted))
    return Measurement(
        [_named(found[key], graph) for key, graph in wanted.items() if key in found],
        [failures[key] for key in wanted if key in failures],
    )


def weights_files(folder: Path, graph_hash: str, seed: int) -> list[Path]:
    """Return the trained weights of one pair in the folder ``weights``, and their card."""
    return sorted(folder.glob(f"{graph_hash}-seed{seed}.*"))


class _Folders(NamedTuple):
    """Where results go as they come."""

    labels: Path | None
    weights: Path | None


class _Task(NamedTuple):
    """What all pairs of a call have in common."""

    images: Images
    recipe: Recipe
    device: str
    folders: _Folders


def _wanted(
    graphs: Sequence[Graph], seeds: Sequence[int] | Callable[[int], Sequence[int]]
) -> dict[Key, Graph]:
    """Return the graph of each pair to measure; a graph that comes twice is measured once."""
    return {
        (graph.hash, seed): graph
        for position, graph in enumerate(graphs)
        for seed in (seeds(position) if callable(seeds) else seeds)
    }


def _named(label: Label, graph: Graph) -> Label:
    return replace(label, name=graph.name, family=graph.family)


def _train_all(
    pairs: Collection[tuple[Graph, int]], task: _Task, n_jobs: int
) -> Iterator[Label | Failure]:
    """Yield results as they come; on any error the pairs not begun are dropped."""
    if not pairs:
        return
    workers = min(n_jobs, len(pairs))
    if workers == 1:
        yield from _train_here(pairs, task)
        return
    try:
        with process_pool(workers, _start_worker, (task,)) as pool:
            futures = [pool.submit(_train_one, *pair) for pair in pairs]
            for future in as_completed(futures):
                yield future.result()
    except BrokenProcessPool as error:
        raise TrainingError(
            "a training process was killed, perhaps for lack of memory: lower n_jobs and run "
            "again, what was measured before is kept if `out` was given."
        ) from error


def _train_here(pairs: Collection[tuple[Graph, int]], task: _Task) -> Iterator[Label | Failure]:
    """Yield results trained in this process, on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _prepare(task)
        for pair in pairs:
            yield _train_one(*pair)
    finally:
        torch.set_num_threads(threads)


class _Worker:
    """What a process keeps between two graphs."""

    task: _Task
    shard: Path | None


def _start_worker(task: _Task) -> None:
    import torch

    torch.set_num_threads(1)
    _prepare(task)


def _prepare(task: _Task) -> None:
    """Set what ``_train_one`` needs in this process; every process has a shard of its own."""
    _Worker.task = task
    shard = f"{task.recipe.hash}-{uuid4().hex[:12]}.jsonl"
    _Worker.shard = task.folders.labels / shard if task.folders.labels else None


def _train_one(graph: Graph, seed: int) -> Label | Failure:
    """Train one graph and write the result into the process's shard."""
    from archloom.io.weights import write_weights
    from archloom.train.trainer import train

    images, recipe, device, folders = _Worker.task
    name = f"{graph.hash}-seed{seed}.safetensors"
    state = folders.labels / "unfinished" / f"{recipe.hash}-{name}" if folders.labels else None
    try:
        outcome = train(graph, images, recipe, seed, state, device=device)
    except ArchloomError as error:
        return Failure(graph.hash, graph.name, seed, str(error))
    label = Label(
        graph=graph.hash,
        metric=METRIC,
        provenance="measured",
        recipe=recipe.hash,
        seed=seed,
        value=outcome.accuracy,
        unit="fraction",
        name=graph.name,
        family=graph.family,
        seconds=round(outcome.seconds, 3),
    )
    if folders.weights is not None:  # before the label, so that a label never lacks its weights
        write_weights(folders.weights / name, outcome.weights, graph, asdict(label))
    if _Worker.shard is not None:
        weights = folders.weights
        append(_Worker.shard, label, weights_files(weights, graph.hash, seed) if weights else ())
    return label
