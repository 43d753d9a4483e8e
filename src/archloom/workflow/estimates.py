"""What the jobs of every rule need: time, memory, disk and GPUs, from the settings of a run.

Rules take their limits from here and ``archloom plan`` its sums. Times are those of the slow side
of what was measured on one core of a 2.5 GHz processor (``benchmarks/results/``); what is only
assumed is a constant of this module that says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from archloom.config import Config
from archloom.config.labels import Recipe
from archloom.train.recipe import Recipe as TrainingRecipe

SECONDS_PER_EPOCH = {"digits": 0.6, "cifar10": 10.0}
"""One training epoch of one network: digits as measured (2 to 3 s for 5 epochs, one core); CIFAR-10
is an assumption for one data-centre GPU.
"""
CPU_FACTOR = 40
"""Assumption: how many times longer a network of full size trains on the cores of a job."""
WEIGHTS_MB = {"digits": 1, "cifar10": 100}
"""Of one network; those of NB-101 have up to 50 million weights, most have far fewer."""
INSTANCES_PER_GRAPH = 110
"""P/S/C instances, as measured for NB-201 and more than in the other families."""
MILLISECONDS_PER_INSTANCE = 0.08
"""Of PSC training, per instance and epoch, as measured."""
MILLISECONDS_PER_GRAPH = 0.8
"""Of GNN training, per graph and epoch, twice what was measured for NB-201."""
SECONDS_PER_PARENT = 3.0
"""Of a search, for 10 sources and 100 targets each; measured: 0.2 to 0.4 s with small databases."""
SEGMENTS_FACTOR = 5e-3
"""Seconds per graph of cutting, counting and storing segments, as measured."""
SPARE = 4
"""A job may take this many times as long as is expected before the cluster ends it."""
SHORTEST_LIMIT = 10
"""Minutes that every job may take."""


@dataclass(frozen=True)
class Need:
    """What one job is expected to need.

    minutes     of wall time
    memory_mb   asked for at the first attempt
    output_mb   of what it leaves
    scratch_mb  of what it writes besides and removes again
    gpu         whether it trains on a GPU where the setting ``device`` leaves that open
    is_assumed  whether the minutes rest on assumptions rather than on measurements
    """

    minutes: float = 0.2
    memory_mb: int = 1000
    output_mb: int = 20
    scratch_mb: int = 0
    gpu: bool = False
    is_assumed: bool = False

    @property
    def disk_mb(self) -> int:
        """Space that the job needs."""
        return self.output_mb + self.scratch_mb

    @property
    def limit(self) -> int:
        """Minutes after which a job of this kind has gone wrong."""
        return max(SHORTEST_LIMIT, math.ceil(SPARE * self.minutes))


def need(settings: Config, rule: str, wildcards: Mapping[str, str]) -> Need:
    """Return what the job of ``rule`` with these wildcards needs."""
    known = _NEEDS.get(rule)
    return known(settings, wildcards) if known else Need()


def trainings(settings: Config, family: str) -> int:
    """Return how many trainings the labels of a family take where none is known."""
    labels, count = settings.labels, _graphs(settings, [family])
    several = min(labels.noise_graphs, count)
    return count * labels.seeds + several * max(0, labels.noise_seeds - labels.seeds)


def _training(
    recipe: Recipe, device: str, networks: float, n_jobs: int, kept_mb: float = 0
) -> Need:
    """Return what it takes to train networks by a recipe, ``n_jobs`` at once; of each remain
    ``kept_mb``.
    """
    epochs = TrainingRecipe.from_dict(recipe.model_dump()).epochs
    gpu = device != "cpu"
    seconds = networks * epochs * SECONDS_PER_EPOCH[recipe.dataset]
    if recipe.dataset == "digits":
        seconds /= n_jobs
    elif not gpu:
        seconds *= CPU_FACTOR
    return Need(
        minutes=0.2 + seconds / 60,
        memory_mb=2000 + 1000 * n_jobs if recipe.dataset == "digits" else 4000 + 2000 * n_jobs,
        output_mb=math.ceil(1 + networks * kept_mb),
        scratch_mb=math.ceil(4 * n_jobs * WEIGHTS_MB[recipe.dataset]),
        gpu=gpu,
        is_assumed=recipe.dataset != "digits",
    )


def _graphs(settings: Config, families: Collection[str]) -> int:
    return sum(one.count for name, one in settings.families.items() if name in families)


def _family(settings: Config, wildcards: Mapping[str, str]) -> Need:
    count = _graphs(settings, [wildcards["family"]])
    return Need(0.1 + count * SEGMENTS_FACTOR / 60, 1000 + count // 5, 10 + count // 50)


def _labels(settings: Config, wildcards: Mapping[str, str]) -> Need:
    labels = settings.labels
    share = trainings(settings, wildcards["family"]) / labels.jobs
    return _training(labels.recipe, labels.device, share, labels.n_jobs)


def _corpus(section: str) -> Callable[[Config, Mapping[str, str]], Need]:
    def estimate(settings: Config, _: Mapping[str, str]) -> Need:
        count = _graphs(settings, getattr(settings, section).families)
        return Need(0.1 + count * SEGMENTS_FACTOR / 60, 2000 + count // 5, 50 + count // 50)

    return estimate


def _predictor(settings: Config, wildcards: Mapping[str, str]) -> Need:
    predictor, group = settings.predictor, wildcards["group"]
    families = [group] if group in settings.families else list(predictor.families)
    count, training = _graphs(settings, families), predictor.training
    shown = count * training.epochs
    milliseconds = (
        shown * MILLISECONDS_PER_GRAPH
        if wildcards["kind"] == "gnn"
        else shown * INSTANCES_PER_GRAPH * training.instance_fraction * MILLISECONDS_PER_INSTANCE
    )
    return Need(
        minutes=0.2 + milliseconds / 60_000,
        memory_mb=3000 + count,
        output_mb=20,
        gpu=predictor.device != "cpu",
    )


def _search(settings: Config, parents: float, processes: int) -> Need:
    search = settings.search
    tried = search.max_sources * search.max_targets / 1000
    return Need(
        minutes=0.2 + parents * tried * SECONDS_PER_PARENT / processes / 60,
        memory_mb=1500 + 1000 * processes,
        output_mb=20,
    )


def _whole_search(settings: Config, _: Mapping[str, str]) -> Need:
    search = settings.search
    return _search(settings, search.iterations * search.top_k, search.n_jobs)


def _mutation(settings: Config, _: Mapping[str, str]) -> Need:
    search = settings.search
    return _search(settings, math.ceil(search.top_k / search.jobs), search.n_jobs)


def _front(settings: Config, _: Mapping[str, str]) -> Need:
    front = settings.front_training
    share = (front.members + 1) * front.seeds / front.jobs
    recipe = front.recipe or settings.labels.recipe
    return _training(recipe, front.device, share, front.n_jobs, WEIGHTS_MB[recipe.dataset])


def _fixed(found: Need) -> Callable[[Config, Mapping[str, str]], Need]:
    return lambda _settings, _wildcards: found


_NEEDS: dict[str, Callable[[Config, Mapping[str, str]], Need]] = {
    "build_family": _family,
    "split_family": _family,
    "measure_labels": _labels,
    "predict_labels": _family,
    "build_vocabulary": _corpus("vocabulary"),
    "build_segments": _corpus("segments"),
    "build_psc_index": _family,
    "train_predictor": _predictor,
    "search_graphs": _whole_search,
    "mutate_parents": _mutation,
    "train_front": _front,
    "read_model": _fixed(Need(memory_mb=2000)),
    "start_search": _fixed(Need(memory_mb=2000)),
    "finish_iteration": _fixed(Need(0.3, 2000)),
    "finish_search": _fixed(Need(memory_mb=2000)),
    "build_autogo_report": _fixed(Need(0.3, 2000)),
    "build_autobuild_report": _fixed(Need(0.3, 2000)),
    "label_block_networks": _fixed(Need(1, 2000)),
    "measure_operator_latency": _fixed(Need(5, 2000)),
    "measure_published_latency": _fixed(Need(1, 4000)),
    "rank_units": _fixed(Need(5, 3000)),
    "evaluate_units": _fixed(Need(5, 2000)),
    "search_units": _fixed(Need(5, 2000)),
    "count_instances": _fixed(Need(3, 2000)),
}
