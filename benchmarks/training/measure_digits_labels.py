"""Measure the committed label tables ``labels/digits`` again, and describe them in recipe.json.

    python -m benchmarks.training.measure_digits_labels [--jobs 2] [--results FOLDER]

Trains 320 reduced networks of each family (and the benchmark's best NB-201 cell) with seed 0, the
first 40 also with seeds 1 and 2. Results come one by one into the folder (resources/digits_labels);
a stopped run goes on from there. About 40 minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from archloom.data.images import load_images
from archloom.data.labels import Label, noise, write_labels
from archloom.files import write_text
from archloom.graph import Graph
from archloom.spaces import FAMILIES
from archloom.train.measure import Measurement, measure
from archloom.train.recipe import recipe_named
from benchmarks.recording import RESULTS, ROOT, at_scale, table

TABLES = at_scale(Path("labels/digits"), RESULTS / "digits")
LABELLED = ("nb201", "hiaml", "two_path")
COUNT, REPEATED, SEEDS = at_scale((320, 40), (2, 1)) + ((0, 1, 2),)
RECIPE = at_scale(recipe_named("digits"), replace(recipe_named("digits"), epochs=1))
NOISE = ("seed_std", "graph_std", "reliability")
CHANCE = 0.2
"""Below this accuracy of ten classes, no signal reaches the output."""
BEST_CELL = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+"
    "|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
)


def graphs_of(family: str) -> list[Graph]:
    module = FAMILIES[family]
    graphs = module.sample(COUNT, 0, module.REDUCED)
    extra = [module.build(BEST_CELL, module.REDUCED)] if family == "nb201" else []
    return [*graphs, *extra]


def measured(family: str, results: Path, n_jobs: int) -> Measurement:
    return measure(
        graphs_of(family),
        load_images("digits"),
        RECIPE,
        seeds=lambda position: SEEDS if position < REPEATED else SEEDS[:1],
        out=results / family,
        n_jobs=n_jobs,
        progress=lambda done, total: print(family, done, "of", total, flush=True),
    )


def describe(labels: list[Label], failures: int, table: Path) -> dict[str, object]:
    values = np.array([label.value for label in labels if label.seed == 0])
    seconds = np.array([label.seconds for label in labels])
    spread = noise(labels)
    above = {label.graph for label in labels if label.seed == 0 and label.value >= CHANCE}
    usual = noise([label for label in labels if label.graph in above])
    shares = {"min": 0, "quartile_1": 0.25, "median": 0.5, "quartile_3": 0.75, "max": 1}
    return {
        "sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
        "graphs": spread["graphs"],
        "trainings": len(labels),
        "graphs_with_three_seeds": spread["repeated"],
        "failures": failures,
        "accuracy": {name: rounded(np.quantile(values, share)) for name, share in shares.items()},
        "noise": {name: rounded(spread[name]) for name in NOISE},
        "at_chance": int((values < CHANCE).sum()),
        "noise_above_chance": {name: rounded(usual[name]) for name in NOISE},
        "seconds": {"median": rounded(np.median(seconds)), "mean": rounded(seconds.mean())},
    }


def rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--results", type=Path, default=at_scale(Path("resources"), RESULTS) / "digits_labels"
    )
    options = parser.parse_args()
    families = {}
    for family in LABELLED:
        result = measured(family, options.results, options.jobs)
        table = TABLES / f"{family}.parquet"
        write_labels(result.labels, table)
        families[family] = describe(result.labels, len(result.failures), table)
    facts = {
        "format": "archloom-label-set/1",
        "what": "accuracy on 1,197 test images of networks with the reduced skeleton, trained on "
        "600 of scikit-learn's digits (8x8x1, fixed stratified split)",
        "recipe": asdict(RECIPE),
        "recipe_hash": RECIPE.hash,
        "graphs": f"sample({COUNT}, seed 0) of each family, reduced skeleton; nb201 also the "
        f"cell {BEST_CELL}; the first {REPEATED} with seeds 0 to 2, the others with seed 0",
        "figures": "seed_std: pooled standard deviation between seeds of one graph; graph_std: "
        "standard deviation of seed 0 across graphs; reliability: 1 - seed_std^2 / graph_std^2; "
        f"at_chance: graphs below {CHANCE}, which noise_above_chance leaves out",
        "seconds": "wall time of one training on one thread, two at a time, while other programs "
        "were running on both cores",
        "hardware": f"2-core {platform.machine()} CPU",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "scikit-learn")},
        },
        "families": families,
    }
    write_text(TABLES / "recipe.json", json.dumps(facts, indent=1) + "\n")


def section() -> str:
    """Return what the digits labels are worth."""
    facts = json.loads((ROOT / "labels" / "digits" / "recipe.json").read_text(encoding="utf-8"))
    rows = []
    for family, one in facts["families"].items():
        noise = one["noise_above_chance"]
        rows.append(
            [
                family,
                one["graphs"],
                one["trainings"],
                f"{one['accuracy']['min']:.3f} / {one['accuracy']['median']:.3f} / "
                f"{one['accuracy']['max']:.3f}",
                f"{noise['graph_std']:.4f}",
                f"{noise['seed_std']:.4f}",
                f"{noise['reliability']:.2f}",
                f"{one['seconds']['median']:.1f}",
            ]
        )
    head = ["family", "graphs", "trainings", "accuracy min / median / max", "std of graphs"]
    head += ["std of seeds", "reliability", "s per training"]
    return (
        "## Digits labels\n\n"
        + f"{facts['what'][0].upper()}{facts['what'][1:]}. Standard deviations leave out graphs at "
        "chance level. The HiAML labels are mostly seed noise at this scale.\n\n"
        + table(head, rows)
    )


if __name__ == "__main__":
    main()
