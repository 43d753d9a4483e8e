"""Accuracy of search winners on CIFAR-10: nb201 and hiaml, short recipe, three seeds, on a GPU.

    python -m benchmarks.autogo.bench_cifar10_front [--members 5] [--paper] [--jobs 4]
    python -m benchmarks.autogo.bench_cifar10_front --smoke

Searches from the released inputs with the published vocabulary and PSC checkpoint, then trains the
input, the released winner and the best members of the front. `--paper` takes the recipe of the
paper (200 epochs) in place of the short one (12). Trainings that are finished are kept in
`--results`, so that a stopped run goes on. `--smoke` runs everything on a CPU, with a few
images and one epoch. Needs the datasets cifar10, autogo_cgs, autogo_vocab and
autogo_models.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from archloom.data.images import load_images
from archloom.graph import flops
from archloom.search.graphs.optimise import optimise
from archloom.search.graphs.settings import SearchSettings
from archloom.train.measure import measure
from archloom.train.recipe import recipe_named
from benchmarks.recording import RESULTS, SMOKE, at_scale, published, published_artefacts, record

FAMILIES = ("nb201", "hiaml")
SEEDS = at_scale((0, 1, 2), (0,))
ITERATIONS, MEMBERS = at_scale((5, 5), (1, 1))
IN_SMALL = {"epochs": 1, "batch_size": 32, "precision": "float32"}


def networks(family, artefacts, members, iterations):
    """Return the networks to train by role: input, released winner, members of the front."""
    graph = published(f"{family}_best")
    settings = SearchSettings(family=family, iterations=iterations)
    front = optimise(graph, artefacts, settings, seed=0).members[:members]
    found = {"input": (graph, None), "released winner": (published(f"{family}_autogo"), None)}
    return found | {
        f"front {rank}": (one.graph, one.score) for rank, one in enumerate(front, start=1)
    }


def described(graph, score, labels):
    """Return what was measured of one network; accuracies in percent."""
    values = [100 * label.value for label in labels if label.graph == graph.hash]
    return {
        "mflops": flops(graph) / 1e6,
        "predicted_score": score,
        "accuracy_percent": float(np.mean(values)) if values else None,
        "std_percent": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "trainings": len(values),
        "seconds_per_training": float(
            np.mean([label.seconds for label in labels if label.graph == graph.hash] or [0])
        ),
    }


def trained(family, artefacts, images, recipe, options):
    """Search and train one family; return what is recorded."""
    found = networks(family, artefacts, options.members, ITERATIONS)
    measured = measure(
        [graph for graph, _ in found.values()],
        images,
        recipe,
        seeds=SEEDS,
        out=options.results / family,
        n_jobs=options.jobs,
        device=at_scale("cuda", "cpu"),
        progress=lambda done, total: print(family, done, "of", total, flush=True),
    )
    rows = {role: described(*pair, measured.labels) for role, pair in found.items()}
    front = [row for role, row in rows.items() if role.startswith("front")]
    reached = [row for row in front if row["accuracy_percent"] is not None]
    best = max(reached, key=lambda row: row["accuracy_percent"], default=None)
    return {**rows, "best": best, "failures": [one.reason for one in measured.failures]}


def few(images):
    """Return some images, enough to show that everything runs."""
    return replace(
        images,
        train_x=images.train_x[:64],
        train_y=images.train_y[:64],
        test_x=images.test_x[:64],
        test_y=images.test_y[:64],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=MEMBERS, help="of each front")
    parser.add_argument("--paper", action="store_true", help="200 epochs as in the paper")
    parser.add_argument(
        "--jobs", type=int, default=at_scale(4, 1), help="trainings at once on the GPU"
    )
    parser.add_argument(
        "--results", type=Path, default=at_scale(Path("resources"), RESULTS) / "cifar10_front"
    )
    options = parser.parse_args()
    import torch

    if not SMOKE and not torch.cuda.is_available():
        print(
            "Nothing was run: PyTorch finds no CUDA GPU here, and on a CPU this takes days. Use a "
            "machine with a GPU and a CUDA build of PyTorch, or try --smoke.",
            file=sys.stderr,
        )
        return
    recipe = recipe_named("cifar10" if options.paper else "cifar10-short")
    images = load_images("cifar10")
    if SMOKE:
        recipe, images = replace(recipe, **IN_SMALL), few(images)
    artefacts = published_artefacts()
    figures = {family: trained(family, artefacts, images, recipe, options) for family in FAMILIES}
    name = "the paper's recipe" if options.paper else "the short recipe"
    note = f"{name}, {recipe.epochs} epochs, {recipe.precision}; best: highest mean of the front"
    record("cifar10_front", figures, seeds=list(SEEDS), note=note)


if __name__ == "__main__":
    main()
