"""How to use two cores for many small trainings: two processes of one thread, or one of two?

    python -m benchmarks.training.bench_training_parallel

Trains the same reduced networks of the three families with the digits recipe in each way, three
rounds, and writes best and median seconds to benchmarks/results/training_parallel.json (compare the
best on a busy machine). The start of worker processes is left out: every process trains one network
before the clock starts.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import torch

from archloom.data.images import load_images
from archloom.graph import Graph
from archloom.spaces import FAMILIES
from archloom.train.recipe import recipe_named
from archloom.train.trainer import train
from benchmarks.recording import at_scale, record

WAYS = {"one process, one thread": (1, 1), "one process, two threads": (1, 2)}
WAYS |= {"two processes, one thread each": (2, 1)}
ROUNDS, PER_FAMILY = at_scale((3, 4), (1, 1))
LABELLED = at_scale(("nb201", "hiaml", "two_path"), ("two_path",))
RECIPE = at_scale(recipe_named("digits"), replace(recipe_named("digits"), epochs=1))


def networks() -> list[Graph]:
    modules = [FAMILIES[name] for name in LABELLED]
    parts = [module.sample(PER_FAMILY, 0, module.REDUCED) for module in modules]
    return [graph for part in parts for graph in part]


def run(graphs: Sequence[Graph]) -> None:
    images = load_images("digits")
    for graph in graphs:
        train(graph, images, RECIPE)


def warm_up(threads: int, graph: Graph) -> None:
    torch.set_num_threads(threads)
    run([graph])


def measure(processes: int, threads: int, graphs: Sequence[Graph]) -> list[float]:
    """Return the seconds of each round."""
    seconds = []
    context = get_context("spawn")
    pools = [ProcessPoolExecutor(1, context) for _ in range(processes)]
    try:
        for pool in pools:
            pool.submit(warm_up, threads, graphs[0]).result()
        for _ in range(ROUNDS):
            started = time.perf_counter()
            waiting = [
                pool.submit(run, graphs[number::processes]) for number, pool in enumerate(pools)
            ]
            for one in waiting:
                one.result()
            seconds.append(round(time.perf_counter() - started, 2))
    finally:
        for pool in pools:
            pool.shutdown()
    return seconds


def main() -> None:
    graphs = networks()
    rounds = {way: measure(*numbers, graphs) for way, numbers in WAYS.items()}
    result = {
        "what": f"seconds for {len(graphs)} trainings, three rounds",
        "rounds": rounds,
        "best": {way: min(seconds) for way, seconds in rounds.items()},
        "median": {way: statistics.median(seconds) for way, seconds in rounds.items()},
        "load_average": os.getloadavg()[0],
    }
    record("training_parallel", result)


if __name__ == "__main__":
    main()
