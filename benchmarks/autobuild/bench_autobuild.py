"""AutoBuild on the pseudo-labelled block networks: published predictors, training, unit scores.

    python -m benchmarks.autobuild.bench_autobuild [SEEDS]

Needs the datasets ofa_pseudo and autobuild_models. The labels are outputs of the published
predictors, no measurements, so rank correlations are optimistic, and what is said of the best units
is judged by the same predictors. Trained predictors and what their training took are kept, see
kept.py. SEEDS is how many predictors are trained of each family (3).
"""

import sys
import time
from itertools import product

from benchmarks.recording import at_scale, figures, listed, one_thread, record, table

one_thread()

import json  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.block_table import read_block_table  # noqa: E402
from archloom.predict.blocks.agreement import agreement, mean_ranking  # noqa: E402
from archloom.predict.blocks.network import BlockShape  # noqa: E402
from archloom.predict.blocks.predictor import BlockPredictor  # noqa: E402
from archloom.predict.blocks.task import BlockTraining  # noqa: E402
from archloom.predict.metrics import spearman  # noqa: E402
from archloom.predict.norms.soft_rank import ranked, soft_rank  # noqa: E402
from archloom.views.sequence import mobile_space  # noqa: E402
from archloom.views.units import all_units  # noqa: E402
from benchmarks.kept import block_predictor  # noqa: E402

FAMILIES = ("ofa_mbv3", "ofa_pn")
EPOCHS, EPOCHS_OF_GRAPHCONV = at_scale((200, 60), (1, 1))
CONTEXTS_OF_SCORES = 3
K = at_scale(5, 2)
UNITS, CONTEXTS = at_scale((60, 40), (8, 4))


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
    """Return the time of one row of 128 values, forward and backward: as the training calls it, and
    through PyTorch's tape.
    """
    values = np.random.default_rng(0).normal(0, 20, (1, 128)).astype(np.float32)
    taped = torch.from_numpy(values.copy()).requires_grad_()

    def in_training():
        ranks, pullback = ranked(values)
        pullback(ranks)

    found = {}
    for name, call in (
        ("in_training", in_training),
        ("with_tape", lambda: soft_rank(taped).sum().backward()),
    ):
        times = []
        for _ in range(320):
            started = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - started))
        times = times[20:]
        found[name] = {"median": round(float(np.median(times)), 3), "best": round(min(times), 3)}
    return found


class Judge:
    """What the published accuracy predictor says of rankings of a family's units.

    Random units of each stage are put into random networks; their mean accuracy is their effect.
    """

    def __init__(self, family):
        self.teacher = BlockPredictor.load(
            registry.find("autobuild_models", f"{family}_acc.safetensors")
        )
        self.labels = labels_of(family).labelled("acc")
        units = all_units(mobile_space(family))
        stages, rng = len(mobile_space(family).stages), np.random.default_rng(0)
        parts = [name.split("|") for name in self.labels.architectures[:CONTEXTS]]
        self.chosen, self.effects = [], []
        for unit in range(5):
            chosen = rng.choice(np.flatnonzero(units.unit == unit), UNITS, replace=False)
            behind = unit + 1 if unit < 4 else stages
            networks = [
                "|".join([*one[:unit], units.blocks[i], *one[behind:]])
                for i in chosen
                for one in parts
            ]
            self.chosen.append(chosen)
            self.effects.append(self.teacher.predict(networks).reshape(UNITS, CONTEXTS).mean(1))

    def __call__(self, scored):
        """Return the rank correlation of scores and effects, and what the best units build."""
        pairs = zip(self.chosen, self.effects, strict=True)
        best = [[scored.units.blocks[i] for i in indices] for indices in scored.best(K)]
        built = self.teacher.predict(["|".join(units) for units in product(*best)])
        return {
            "agreement_by_unit": [
                round(spearman(scored.score[chosen], effects), 3) for chosen, effects in pairs
            ],
            "best_units": [units[0] for units in best],
            "built": {
                "networks": len(built),
                "mean": round(float(built.mean()), 4),
                "min": round(float(built.min()), 4),
                "max": round(float(built.max()), 4),
            },
        }

    def random(self):
        """Return what the labelled networks reach."""
        values = self.labels.values
        return {
            "networks": len(values),
            "mean": round(float(values.mean()), 4),
            "max": round(float(values.max()), 4),
        }


def scores(predictor, contexts):
    """Return a ranking, and the processor time of it and of writing its reduced space."""
    started = time.process_time()
    scored = predictor.score_units(contexts=contexts)
    scoring = time.process_time() - started
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        scored.write_space(Path(folder) / "space.json", K)
        writing = time.process_time() - started
    return scored, {"scoring_cpu_s": round(scoring, 2), "space_cpu_s": round(writing, 3)}


def run(family, layer, epochs, seeds, judge):
    """Train predictors of a family's accuracy, rank its units, judge the rankings."""
    labels = labels_of(family).labelled("acc")
    runs, rankings = [], {"norms": [], "contexts": []}
    for seed in seeds:
        settings = BlockTraining(epochs=epochs, seed=seed)
        predictor, spent = block_predictor(labels, settings, BlockShape(layer))
        metrics, found = predictor.card.metrics, {}
        for name, contexts in (("norms", 0), ("contexts", CONTEXTS_OF_SCORES)):
            scored, cost = scores(predictor, contexts)
            rankings[name].append(scored)
            found[name] = cost | judge(scored)
        runs.append(
            {
                "seed": seed,
                "training_cpu_s": round(spent, 1),
                "srcc": round(metrics["srcc"], 4),
                "mae": round(metrics["mae"], 5),
                "srcc_per_hop": [round(value, 3) for value in metrics["srcc_per_hop"]],
                **found,
            }
        )
    summary = {"layer": layer, "epochs": epochs, "units": len(scored), "runs": runs}
    if len(seeds) > 1:
        for name, some in rankings.items():
            agreed = agreement(some)
            summary[f"seeds_by_{name}"] = {
                "spearman_by_unit": [round(one.spearman, 3) for one in agreed],
                "overlap_by_unit": [round(one.overlap, 3) for one in agreed],
                "k": agreed[0].k,
                "mean_ranking": judge(mean_ranking(some)),
            }
    return summary


def main():
    seeds = list(range(int(sys.argv[1]) if len(sys.argv) > 1 else at_scale(3, 2)))
    judges = {family: Judge(family) for family in FAMILIES}
    families = {family: run(family, "gatv2", EPOCHS, seeds, judges[family]) for family in FAMILIES}
    families["ofa_mbv3, graphconv"] = run(
        "ofa_mbv3", "graphconv", EPOCHS_OF_GRAPHCONV, [0], judges["ofa_mbv3"]
    )
    record(
        "autobuild",
        {
            "published": checks(),
            "soft_rank_ms": soft_rank_ms(),
            "contexts": CONTEXTS_OF_SCORES,
            "random": {family: judge.random() for family, judge in judges.items()},
            "families": families,
        },
        seeds=seeds,
        note="pseudo-labels of the published predictors, which also judge the units: consistency, "
        "not ImageNet accuracy",
    )


def section() -> str:
    """Return the quality and speed of AutoBuild's predictor and of its rankings of units."""
    found = figures("autobuild")
    families, published = found["families"], found["published"].values()
    by = {"norms": "norms", "contexts": f"{found['contexts']} contexts"}
    trained = [
        [
            family,
            f"{some['layer']}, {some['epochs']}, {one['seed']}",
            f"{one['training_cpu_s']:.0f}",
            f"{one['srcc']:.3f}",
            listed(one["srcc_per_hop"], " / "),
        ]
        for family, some in families.items()
        for one in some["runs"]
    ]
    ranked = []
    for family, some in families.items():
        random = found["random"][family.split(",")[0]]
        reached = f"{random['mean']:.4f}, {random['max']:.4f}"
        for key, name in by.items():
            judged = {f"seed {one['seed']}": one[key] for one in some["runs"]}
            seeds = some.get(f"seeds_by_{key}")
            if seeds:
                judged["mean of all"] = seeds["mean_ranking"]
            agreed = listed(seeds["spearman_by_unit"], " / ") if seeds else "-"
            ranked += [
                [
                    f"{family}, {name}, {whose}",
                    listed(one["agreement_by_unit"], " / "),
                    agreed if whose.startswith("mean") else "",
                    f"{one['built']['mean']:.4f}",
                    reached,
                ]
                for whose, one in judged.items()
            ]
    worst = max(one["largest_relative_error"] for one in published)
    times = ", ".join(
        f"{some['units']:,} of {family} in {max(one[key]['scoring_cpu_s'] for one in some['runs'])}"
        f" s by {name}"
        for family, some in families.items()
        for key, name in by.items()
    )
    rank = found["soft_rank_ms"]
    return (
        "## AutoBuild\n\nThe eight published predictors on the networks of their family: largest "
        f"relative difference from the recorded predictions {worst:.1e}.\n\nPredictors trained "
        "on 2,700 pseudo-labelled networks each, target accuracy, one thread. "
        "Labels and judge are the published predictors, so this is consistency, not "
        "ImageNet accuracy.\n\n"
        + table(
            ["family", "layer, epochs, seed", "training, CPU s", "test SRCC", "of norms, hops 0-4"],
            trained,
        )
        + "\n\nA unit's effect is the mean accuracy of 40 networks that it is put into, compared "
        "with its score over 60 random units of each stage; the best 5 of each stage build 3,125 "
        "networks. Units are scored by norms, as published, or by predictions for networks that "
        "they are put into. Seeds, unit by unit: mean rank correlation of all pairs of seeds.\n\n"
        + table(
            [
                "ranking",
                "units against their effect",
                "seeds, unit by unit",
                "best units build",
                "random networks, mean and best",
            ],
            ranked,
        )
        + f"\n\nProcessor time for all units: {times}. Soft rank of 128 values, forward and "
        f"backward: median {rank['in_training']['median']} ms as the training calls it, "
        f"{rank['with_tape']['median']} ms through PyTorch's tape."
    )


if __name__ == "__main__":
    main()
