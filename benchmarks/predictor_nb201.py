"""Rank correlation of GNN and PSC on NAS-Bench-201 with the benchmark's own labels.

    python benchmarks/predictor_nb201.py gnn psc [--cells without-none|all] [--out FILE]

Labels are the 200-epoch CIFAR-10 test accuracies. Cells that compute the same function stay in one
part of the 80/10/10 split (``isomorph_index``). PSC instances are cut with AutoGO's published
vocabulary. Needs the datasets nasbench201 and autogo_vocab. Times are for one thread.
"""

import argparse
import json
import logging
import platform
import resource
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas
import torch

from archloom.data import registry
from archloom.data.splits import split_classes
from archloom.io.files import write_text
from archloom.predict import GNN, PSC, LabelledGraphs, TrainingSettings
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.spaces import nb201

RESULTS = Path(__file__).parent / "results" / "predictor_nb201.json"
CHANCE = 0.105


def labelled(cells, variant):
    """Return the cells' graphs with their accuracies as fractions."""
    graphs = [nb201.build(cell, variant=variant) for cell in cells.arch_str]
    return LabelledGraphs(graphs, cells.cifar10_test_acc_200.to_numpy() / 100)


def parts(arguments):
    """Return the labelled graphs of train, dev and test, and the split's digest."""
    table = pandas.read_parquet(registry.find("nasbench201", "accuracy.parquet"))
    if arguments.cells == "without-none":
        table = table[~table.arch_str.str.contains("none")]
    classes = [str(index) for index in table.isomorph_index]
    split = split_classes(list(table.arch_str), classes, dev=0.1, test=0.1, seed=arguments.seed)
    table = table.set_index("arch_str", drop=False)
    chosen = {}
    for part in ("train", "dev", "test"):
        names = np.random.default_rng(arguments.seed).permutation(getattr(split, part))
        if part == "train" and arguments.train_graphs:
            names = names[: arguments.train_graphs]
        chosen[part] = labelled(table.loc[list(names)], arguments.variant)
    return chosen, split.digest


def scores(predictor, test):
    """Return the test metrics, also without the cells at chance level."""
    labels = np.asarray(test.labels)
    above = np.flatnonzero(labels > CHANCE)
    skilled = LabelledGraphs([test.graphs[row] for row in above], labels[above])
    return {"all": predictor.evaluate(test), "above_chance": predictor.evaluate(skilled)}


def run(kind, data, arguments):
    """Train and test one predictor; return what was measured."""
    settings = TrainingSettings(
        epochs=arguments.epochs or {"gnn": 60, "psc": 20}[kind],
        batch_size=arguments.batch_size or {"gnn": 64, "psc": 512}[kind],
        learning_rate=arguments.learning_rate,
        instance_fraction=arguments.fraction,
        instances_per_graph=arguments.per_graph,
        seed=arguments.seed,
    )
    if kind == "gnn":
        predictor = GNN()
    else:
        folder = registry.find("autogo_vocab", "encoder.json").parent
        predictor = PSC(segment=Tokeniser(Vocabulary.from_published(folder)).segment)
    wall, cpu = time.perf_counter(), time.process_time()
    progress = predictor.fit(data["train"], data["dev"], settings)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = {
        "settings": asdict(settings),
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "best_epoch": progress.best_epoch,
        "best_dev_srcc": progress.best_srcc,
        "test": scores(predictor, data["test"]),
        "history": progress.history,
    }
    predictor.note(metrics={"test": result["test"]["all"]})
    if arguments.save:
        predictor.save(Path(arguments.save) / f"nb201_{kind}.safetensors")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="+", choices=("gnn", "psc"))
    parser.add_argument("--cells", choices=("without-none", "all"), default="without-none")
    parser.add_argument("--variant", choices=("upstream", "benchmark"), default="upstream")
    parser.add_argument("--train-graphs", type=int, default=0, help="0: all")
    parser.add_argument("--epochs", type=int, default=0, help="0: 60 (gnn), 20 (psc)")
    parser.add_argument("--batch-size", type=int, default=0, help="0: 64 (gnn), 512 (psc)")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--fraction", type=float, default=0.15, help="of instances per epoch")
    parser.add_argument("--per-graph", type=int, default=16, help="instances of a graph per step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="", help="folder for the trained predictors")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    data, split = parts(arguments)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    report = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    for kind in arguments.kinds:
        outcome = {
            "date": time.strftime("%Y-%m-%d"),
            "hardware": f"2-core {platform.machine()} CPU, one thread",
            "commit": commit.stdout.strip(),
            "cells": arguments.cells,
            "variant": arguments.variant,
            "split": split,
            "graphs": {part: len(graphs.graphs) for part, graphs in data.items()},
            **run(kind, data, arguments),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        logging.info("%s: %s", kind, json.dumps(outcome["test"]))
        report[f"{kind}, {arguments.cells}"] = outcome
        write_text(arguments.out, json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
