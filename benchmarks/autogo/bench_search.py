"""Speed and memory of the search on published graphs with the published PSC predictor, one core.

    python -m benchmarks.autogo.bench_search [before SRC]

3 iterations, top_k 3, 10 regions x 100 replacements per parent, a database of the 22 released
graphs and 120 NB-201 graphs: the work on which the reference reaches 14.1 (nb201_best) and 30.8
(hiaml_best) unique children per second, with 4.0 GB of memory at its peak. Also runs with two
processes and compares the fronts, and measures shape propagation and scoring inside the search.

``before SRC`` compares with an earlier version instead (of equal module names), whose ``src``
folder is SRC: both search in turns, and processor time counts (``search_before.json``).
Needs the datasets autogo_cgs, autogo_vocab and autogo_models.
"""

import os
import resource
import statistics
import subprocess
import sys
import time

from benchmarks.recording import (
    ROOT,
    at_scale,
    figures,
    one_thread,
    published,
    record,
    shipped_graphs,
    table,
)

one_thread()

import json  # noqa: E402
from pathlib import Path  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.graph import Graph  # noqa: E402
from archloom.predict import load_predictor  # noqa: E402
from archloom.search.graphs.evolution import evolve  # noqa: E402
from archloom.search.graphs.mutation import Mutator  # noqa: E402
from archloom.search.graphs.scoring import scoring_of  # noqa: E402
from archloom.search.graphs.settings import SearchSettings  # noqa: E402
from archloom.segments.database import build_database  # noqa: E402
from archloom.segments.tokeniser import Tokeniser  # noqa: E402
from archloom.segments.vocabulary import Vocabulary  # noqa: E402
from archloom.spaces import nb201  # noqa: E402

REFERENCE = {"nb201_best": 14.1, "hiaml_best": 30.8}
SETTINGS = {
    "iterations": at_scale(3, 1),
    "top_k": 3,
    "max_sources": 10,
    "max_targets": at_scale(100, 10),
}


def prepare(name: str, iterations: int) -> tuple[Graph, Mutator]:
    """Return a published graph and a mutator over the database that the figures are stated for."""
    graph = published(name)
    folder = registry.find("autogo_vocab", "encoder.json").parent
    tokeniser = Tokeniser(Vocabulary.from_published(folder))
    families = nb201.sample(at_scale(120, 10), 0, nb201.FULL, "upstream")
    database = build_database([*shipped_graphs(), *families], tokeniser)
    predictor = load_predictor(registry.find("autogo_models", "psc.safetensors"))
    settings = SearchSettings(family=graph.family, **{**SETTINGS, "iterations": iterations})
    return graph, Mutator(database, tokeniser, scoring_of(predictor, database), settings)


def run(name: str, n_jobs: int) -> dict:
    """Search from one published graph and return its figures."""
    graph, mutator = prepare(name, SETTINGS["iterations"])
    begun = time.perf_counter()
    result = evolve(graph, mutator, n_jobs=n_jobs)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unique = sum(entry["unique"] for entry in result.statistics)
    parents = sum(entry["parents"] for entry in result.statistics)
    activity: dict[str, float] = {}
    for entry in result.statistics:
        for what, value in entry["activity_seconds"].items():
            activity[what] = round(activity.get(what, 0) + value, 3)
    scored = sum(entry["children"] for entry in result.statistics)
    return {
        "unique_children": unique,
        "seconds": round(seconds, 3),
        "unique_per_second": round(unique / seconds, 1),
        "seconds_per_parent": round(seconds / parents, 3),
        "scoring_ms_per_triple": round(1e3 * activity["score"] / scored, 4),
        "propagation": {
            "calls": result.propagation.calls,
            "ms_per_solve": round(result.propagation.ms_per_solve, 4),
            "success_rate": round(result.propagation.success_rate, 4),
        },
        "peak_memory_mb": round(peak / 1024),
        "activity_seconds": activity,
        "rejected": dict(result.rejected),
        "front": [[member.graph.hash, member.score, member.flops] for member in result.members],
    }


def memory(name: str, iterations: int) -> dict:
    """Return the resident memory after every iteration of a long search, and what was visited."""
    graph, mutator = prepare(name, iterations)
    resident: list[int] = []

    def look(iteration: int, _iterations: int, done: int, parents: int) -> None:
        if done == parents:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            resident.append(round(pages * resource.getpagesize() / 2**20))

    result = evolve(graph, mutator, progress=look)
    return {"resident_mb_by_iteration": resident, "visited": len(result.visited)}


def first_search(name: str) -> dict:
    """Return the processor time of the first search of this process, and of the next."""
    seconds, front, unique = [], [], 0
    for _ in range(2):
        graph, mutator = prepare(name, SETTINGS["iterations"])
        begun = time.process_time()
        result = evolve(graph, mutator)
        seconds.append(round(time.process_time() - begun, 3))
        front = [[member.graph.hash, member.score, member.flops] for member in result.members]
        unique = sum(entry["unique"] for entry in result.statistics)
    return {"first": seconds[0], "next": seconds[1], "unique": unique, "front": front}


def start_of_workers() -> dict:
    """Return the processor time that two worker processes take until they can mutate."""
    import psutil

    from archloom.search.graphs import workers

    class Pool(workers.ProcessPoolExecutor):
        """The pool of the search, within reach."""

        def __init__(self, *args: object) -> None:
            super().__init__(*args)
            pools.append(self)

    pools: list[Pool] = []
    workers.ProcessPoolExecutor = Pool
    _, mutator = prepare("hiaml_best", 1)
    with workers.workers(mutator, 2):
        own = list(pools[0].map(busy, [1.0, 1.0]))
        times = [one.cpu_times() for one in psutil.Process().children(recursive=True)]
    return {
        "of_both": round(sum(one.user + one.system for one in times), 2),
        "of_each_alone": round(statistics.mean(own), 2),
    }


def busy(seconds: float) -> float:
    """Keep a worker for a while, so that the other one gets a task, too; return its processor time
    so far.
    """
    time.sleep(seconds)
    return time.process_time()


def compare(before: str) -> None:
    """Measure this version and an earlier one in turns, each time in a new process."""
    sources = {"before": before, "now": str(ROOT / "src")}
    figures = {}
    for name in REFERENCE:
        runs = _in_turns(sources, "first", name)
        assert all(
            one["front"] == runs["now"][0]["front"] for some in runs.values() for one in some
        )
        entry: dict[str, object] = {"same_front": True, "unique_children": runs["now"][0]["unique"]}
        for when in ("first", "next"):
            medians = {who: statistics.median(one[when] for one in runs[who]) for who in runs}
            entry[f"{when}_search_processor_seconds"] = medians
            pairs = zip(runs["before"], runs["now"], strict=True)
            ratio = statistics.median(old[when] / new[when] for old, new in pairs)
            entry[f"{when}_times_faster"] = round(ratio, 2)
            entry[f"{when}_runs"] = {who: [one[when] for one in runs[who]] for who in runs}
        figures[name] = entry
    starts = _in_turns(sources, "workers")
    figures["start_of_two_workers_processor_seconds"] = {
        who: {key: statistics.median(one[key] for one in starts[who]) for key in starts[who][0]}
        for who in starts
    }
    record("search_before", figures, seeds=[0], note="in turns, medians of five runs; one core")


def _in_turns(sources: dict[str, str], *words: str) -> dict[str, list[dict]]:
    """Return what five runs of each version gave."""
    runs: dict[str, list[dict]] = {who: [] for who in sources}
    for _ in range(5):
        for who, source in sources.items():
            found = subprocess.run(
                [sys.executable, "-m", __spec__.name, *words],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": source},
                capture_output=True,
                text=True,
                check=True,
            )
            runs[who].append(json.loads(found.stdout.splitlines()[-1]))
    return runs


def main() -> None:
    """Measure each graph in a process of its own."""
    figures = {}
    for name, reference in REFERENCE.items():
        runs = []
        for n_jobs in (1, 1, 1, 1, 1, 2):
            command = [sys.executable, "-m", __spec__.name, name, str(n_jobs)]
            found = subprocess.run(command, capture_output=True, text=True, check=True)
            runs.append(json.loads(found.stdout.splitlines()[-1]))
        alone = sorted(runs[:5], key=lambda one: one["unique_per_second"])[2]
        fronts = [one.pop("front") for one in runs]
        figures[name] = {
            **alone,
            "runs_unique_per_second": [one["unique_per_second"] for one in runs[:5]],
            "reference_unique_per_second": reference,
            "times_faster": round(alone["unique_per_second"] / reference, 1),
            "same_front_with_two_processes": fronts[0] == fronts[5],
            "front_members": len(fronts[0]),
        }
    found = subprocess.run(
        [sys.executable, "-m", __spec__.name, "memory"], capture_output=True, text=True, check=True
    )
    figures["nb201_best"]["long_run"] = json.loads(found.stdout.splitlines()[-1])
    record(
        "search",
        figures,
        seeds=[0],
        note="median of five runs on one core; reference from the AutoGO spec",
    )


def section() -> str:
    """Return the speed of the search."""
    rows = [
        [
            name,
            one["unique_per_second"],
            one["reference_unique_per_second"],
            f"{one['times_faster']}x",
            one["peak_memory_mb"],
            one["scoring_ms_per_triple"],
            "yes" if one["same_front_with_two_processes"] else "no",
        ]
        for name, one in figures("search").items()
    ]
    head = ["input", "unique children/s", "reference", "ratio", "peak MB", "ms per score"]
    head.append("same front with two processes")
    long = figures("search")["nb201_best"]["long_run"]
    resident = long["resident_mb_by_iteration"]
    memory = (
        f"Resident memory over {len(resident)} iterations from nb201_best ({long['visited']:,} "
        f"graphs visited): {resident[0]} MB after the first, {resident[2]} after the third, "
        f"{resident[-1]} after the last."
    )
    return (
        "## Search, one core\n\nPublished graph, vocabulary and PSC checkpoint; 3 iterations, "
        "top_k 3, 10 regions x 100 replacements.\n\n" + table(head, rows) + f"\n\n{memory}"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        print(json.dumps(memory("nb201_best", 15)))
    elif sys.argv[1:2] == ["before"]:
        compare(sys.argv[2])
    elif sys.argv[1:2] == ["first"]:
        print(json.dumps(first_search(sys.argv[2])))
    elif sys.argv[1:] == ["workers"]:
        print(json.dumps(start_of_workers()))
    elif len(sys.argv) == 3:
        print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
