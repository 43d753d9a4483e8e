"""Rank correlation of GNN and PSC on NAS-Bench-201 with the benchmark's own labels.

    python -m benchmarks.autogo.bench_predictor_nb201 [gnn] [psc] [--cells without-none|all]

Labels are the 200-epoch CIFAR-10 test accuracies. Cells that compute the same function stay in one
part of the 80/10/10 split (``isomorph_index``). PSC instances are cut with AutoGO's published
vocabulary. Needs the datasets nasbench201 and autogo_vocab. Times are for one thread; figures of
other kinds and cells that were recorded before stay in the result file.
"""

import argparse
import json
import logging
import resource
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.recording import RESULTS, at_scale, figures, one_thread, record, table

one_thread()

import numpy as np  # noqa: E402
import pandas  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.splits import split_classes  # noqa: E402
from archloom.predict import GNN, PSC, LabelledGraphs, TrainingSettings  # noqa: E402
from archloom.segments.tokeniser import Tokeniser  # noqa: E402
from archloom.segments.vocabulary import Vocabulary  # noqa: E402
from archloom.spaces import nb201  # noqa: E402

NAME = "predictor_nb201"
KINDS = ("gnn", "psc")
CHANCE = 0.105
TESTED = at_scale(None, 12)
"""Dev and test graphs; None: all."""
NOTE = (
    "Labels: cifar10_test_acc_200. Split 80/10/10 by isomorphism class. above_chance leaves out "
    "test cells at or below 10.5 percent. psc srcc: mean prediction of a graph; folds: single "
    "instances, the reference's protocol. The machine was shared: cpu_s tells more than wall_s."
)


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
        elif part != "train":
            names = names[:TESTED]
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
        epochs=arguments.epochs or {"gnn": 60, "psc": 25}[kind],
        batch_size=arguments.batch_size or {"gnn": 64, "psc": 1024}[kind],
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
        "best_dev_srcc": progress.best_dev,
        "test": scores(predictor, data["test"]),
    }
    if arguments.save:
        predictor.note(metrics={"test": result["test"]["all"]})
        predictor.save(Path(arguments.save) / f"nb201_{kind}.safetensors")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="gnn or psc; default: both")
    parser.add_argument("--cells", choices=("without-none", "all"), default="without-none")
    parser.add_argument("--variant", choices=("upstream", "benchmark"), default="upstream")
    parser.add_argument("--train-graphs", type=int, default=at_scale(0, 24), help="0: all")
    parser.add_argument("--epochs", type=int, default=at_scale(0, 1), help="0: 60 (gnn), 25 (psc)")
    parser.add_argument("--batch-size", type=int, default=0, help="0: 64 (gnn), 1024 (psc)")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--fraction", type=float, default=0.4, help="of instances per epoch")
    parser.add_argument("--per-graph", type=int, default=48, help="instances of a graph per step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="", help="folder for the trained predictors")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, split = parts(arguments)
    path = RESULTS / f"{NAME}.json"
    figures = json.loads(path.read_text())["figures"] if path.exists() else {}
    for kind in arguments.kinds or KINDS:
        figures[f"{kind}, cells {arguments.cells}"] = {
            "variant": arguments.variant,
            "split": split,
            "graphs": {part: len(graphs.graphs) for part, graphs in data.items()},
            **run(kind, data, arguments),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    record(NAME, figures, seeds=[arguments.seed], note=NOTE)


def section() -> str:
    """Return the quality of the predictors on NB-201."""
    rows = []
    for name, one in figures("predictor_nb201").items():
        found = one["test"]["all"]
        folds = found.get("folds", {}).get("mean")
        above = one["test"]["above_chance"]["srcc"]
        rows.append(
            [
                name,
                one["graphs"]["train"],
                one["settings"]["epochs"],
                f"{found['srcc']:.3f}",
                "" if folds is None else f"{folds:.3f}",
                f"{above:.3f}",
                f"{one['cpu_s']:.0f}",
            ]
        )
    head = ["predictor", "training graphs", "epochs", "test SRCC", "mean of folds"]
    head += ["SRCC above chance level", "CPU s"]
    return (
        "## Predictors on NB-201\n\n200-epoch CIFAR-10 accuracies, split by isomorphism class, "
        "one seed; PSC trains on the share of instances given in the result file.\n\n"
        + table(head, rows)
    )


if __name__ == "__main__":
    main()
