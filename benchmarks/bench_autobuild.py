"""AutoBuild on the pseudo-labelled block networks: published predictors, training, unit scores.

    python benchmarks/bench_autobuild.py

Needs the datasets ofa_pseudo and autobuild_models. The labels are outputs of the published
predictors, no measurements, so rank correlations are optimistic, and what is said of the best units
is judged by the same predictors.
"""

import time
from itertools import product

from recording import one_thread, record

one_thread()

import json  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.block_table import read_block_table  # noqa: E402
from archloom.predict.block_network import BlockShape  # noqa: E402
from archloom.predict.block_training import BlockTraining  # noqa: E402
from archloom.predict.blocks import BlockPredictor  # noqa: E402
from archloom.predict.metrics import spearman  # noqa: E402
from archloom.predict.soft_rank import soft_rank  # noqa: E402
from archloom.views.sequence import mobile_space  # noqa: E402

FAMILIES = ("ofa_mbv3", "ofa_pn")
SEEDS = (0, 1)
K = 5
UNITS, CONTEXTS = 60, 40


def labels_of(family):
    """Return the pseudo-labelled networks of a family."""
    path = registry.find("ofa_pseudo", f"{family}.parquet")
    return read_block_table(path, mobile_space(family))


def checks():
    """Return how far the eight published predictors are from their recorded values."""
    models = json.loads(registry.find("autobuild_models", "models.json").read_text())["models"]
    found = {}
    for facts in models:
        predictor = BlockPredictor.load(registry.find("autobuild_models", facts["file"]))
        table = labels_of(facts["family"])
        labels = table.metrics[facts["target"]]
        error = np.abs(predictor.predict(table.architectures) / labels - 1).max()
        wanted = [check["prediction"] for check in facts["checks"]]
        rows = [table.architectures[check["parquet_row"]] for check in facts["checks"]]
        recorded = np.abs(predictor.predict(rows) / wanted - 1).max()
        found[facts["file"].removesuffix(".safetensors")] = {
            "networks": len(labels),
            "largest_relative_error": float(f"{error:.1e}"),
            "largest_relative_error_of_checks": float(f"{recorded:.1e}"),
        }
    return found


def soft_rank_ms():
    """Return the median processor time of one row of 128 values, forward and backward."""
    values = torch.from_numpy(np.random.default_rng(0).normal(0, 20, (1, 128)).astype(np.float32))
    values.requires_grad_()
    soft_rank(values).sum().backward()
    times = []
    for _ in range(300):
        started = time.perf_counter()
        soft_rank(values).sum().backward()
        times.append(1000 * (time.perf_counter() - started))
    return {"median": round(float(np.median(times)), 3), "best": round(min(times), 3)}


def judge(family, labels, scored):
    """Return what the published accuracy predictor says of the ranking.

    Random units of each stage are put into random networks; their mean accuracy is compared with
    the score. All networks made of the best units are compared with the random ones.
    """
    teacher = BlockPredictor.load(registry.find("autobuild_models", f"{family}_acc.safetensors"))
    rng = np.random.default_rng(0)
    words = scored.units.blocks
    stages = len(mobile_space(family).stages)
    parts = [name.split("|") for name in labels.architectures[:CONTEXTS]]
    agreement = []
    for unit in range(5):
        chosen = rng.choice(np.flatnonzero(scored.units.unit == unit), UNITS, replace=False)
        behind = unit + 1 if unit < 4 else stages
        networks = [
            "|".join([*one[:unit], words[i], *one[behind:]]) for i in chosen for one in parts
        ]
        means = teacher.predict(networks).reshape(UNITS, CONTEXTS).mean(1)
        agreement.append(round(spearman(scored.score[chosen], means), 3))
    best = [[words[i] for i in indices] for indices in scored.best(K)]
    built = teacher.predict(["|".join(units) for units in product(*best)])
    return {
        "agreement_by_unit": agreement,
        "best_units": [units[0] for units in best],
        "built": {
            "networks": len(built),
            "mean": round(float(built.mean()), 4),
            "min": round(float(built.min()), 4),
            "max": round(float(built.max()), 4),
        },
        "random": {
            "networks": len(labels.values),
            "mean": round(float(labels.values.mean()), 4),
            "max": round(float(labels.values.max()), 4),
        },
    }


def run(family, settings, layer="gatv2"):
    """Train on the accuracies of a family, rank its units, judge the ranking."""
    labels = labels_of(family).labelled("acc")
    wall, cpu = time.perf_counter(), time.process_time()
    predictor = BlockPredictor.fit(labels, settings, BlockShape(layer))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    started = time.process_time()
    scored = predictor.score_units()
    scoring = time.process_time() - started
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        scored.write_space(Path(folder) / "space.json", K)
        writing = time.process_time() - started
    metrics = predictor.card.metrics
    return {
        "layer": layer,
        "epochs": settings.epochs,
        "seed": settings.seed,
        "training_cpu_s": round(cpu, 1),
        "training_wall_s": round(wall, 1),
        "srcc": round(metrics["srcc"], 4),
        "mae": round(metrics["mae"], 5),
        "srcc_per_hop": [round(value, 3) for value in metrics["srcc_per_hop"]],
        "units": len(scored),
        "scoring_cpu_s": round(scoring, 2),
        "space_cpu_s": round(writing, 3),
        **judge(family, labels, scored),
    }


def main():
    runs = {
        family: [run(family, BlockTraining(seed=seed)) for seed in SEEDS] for family in FAMILIES
    }
    others = [
        run("ofa_mbv3", BlockTraining(), "graphconv"),
        run("ofa_mbv3", BlockTraining(epochs=200)),
    ]
    figures = {"published": checks(), "soft_rank_ms": soft_rank_ms(), "families": runs}
    record(
        "autobuild",
        figures | {"others": others},
        seeds=list(SEEDS),
        note="pseudo-labels of the published predictors, which also judge the units: consistency, "
        "not ImageNet accuracy",
    )


if __name__ == "__main__":
    main()
