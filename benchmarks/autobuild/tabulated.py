"""The parts nb_macro, nb201 and nb201_latency of ``bench_autobuild_labels``: spaces that are
measured in full, so that the worth of every unit is known.
"""

import statistics
from math import ceil, prod

import numpy as np
import pyarrow.parquet as pq

from archloom.data import registry
from archloom.data.block_table import BlockLabels
from archloom.predict.blocks.task import BlockTraining
from archloom.predict.metrics import spearman
from archloom.spaces import FAMILIES, nb_macro
from archloom.views.block_space import block_space
from archloom.views.units import all_units
from benchmarks.autobuild.regression import EPOCHS, SEEDS, Additive, mean_of, number_of, over_seeds
from benchmarks.kept import block_predictor
from benchmarks.recording import at_scale, table

SAMPLES = at_scale({"nb201": 1000, "nb_macro": 500}, {"nb201": 100, "nb_macro": 100})
LATENCY_SAMPLE = at_scale(300, 100)
CONTEXTS = at_scale(64, 4)
BEST = 0.01
KEPT = 0.2
RANDOM_SPACES = at_scale(100, 5)
TESTED = at_scale(1000, 100)
NB201_ACCURACIES = [f"{task}_test_acc_200" for task in ("cifar10", "cifar100", "imagenet16_120")]
CHANCE_ACCURACY = 10.5


class Truth:
    """All networks of a family with their values, as indices of units."""

    def __init__(self, labels):
        self.labels, seen = labels, block_space(labels.family)
        self.units = all_units(FAMILIES[labels.family])
        place = {
            (unit, words): i
            for i, (unit, words) in enumerate(
                zip(self.units.unit.tolist(), self.units.blocks, strict=True)
            )
        }
        self.parts = np.array(
            [[place[key] for key in enumerate(seen.units(one))] for one in labels.architectures]
        )
        self.twins = np.array([seen.twins(one) for one in labels.architectures])

    def judge(self, score, values):
        """Return how well a score of units finds those of the best networks.

        agreement : rank correlation with the mean value of all networks that have the unit
        in_best   : share of the best networks whose unit is among those kept
        space     : mean and best value of the networks made of the kept units
        """
        best = values >= np.quantile(values, 1 - BEST)
        kept, agreement, in_best = [], [], []
        for unit in range(self.parts.shape[1]):
            rows = np.flatnonzero(self.units.unit == unit)
            means = np.array([values[self.parts[:, unit] == row].mean() for row in rows])
            agreement.append(spearman(score[rows], means))
            chosen = rows[np.argsort(-score[rows], kind="stable")[: self.n_kept(len(rows))]]
            kept.append(chosen)
            in_best.append(np.isin(self.parts[best, unit], chosen).mean())
        return {
            "agreement": agreement,
            "in_best": in_best,
            "space": self.space(kept, values),
        }

    @staticmethod
    def n_kept(n_units):
        """Return how many units of a place are kept."""
        return ceil(KEPT * n_units)

    def space(self, kept, values):
        """Return mean and best value of the networks made of these units."""
        inside = np.all([np.isin(self.parts[:, i], some) for i, some in enumerate(kept)], axis=0)
        return {"mean": values[inside].mean(), "best": values[inside].max()}

    def by_chance(self, values):
        """Return what keeping units at random gives, on average."""
        rng = np.random.default_rng(0)
        counts = np.bincount(self.units.unit)
        found = [
            self.space(
                [
                    rng.choice(
                        np.flatnonzero(self.units.unit == unit), self.n_kept(n), replace=False
                    )
                    for unit, n in enumerate(counts)
                ],
                values,
            )
            for _ in range(RANDOM_SPACES)
        ]
        return {
            "in_best": [self.n_kept(n) / n for n in counts.tolist()],
            "space": {name: np.mean([one[name] for one in found]) for name in ("mean", "best")},
            "networks": prod(self.n_kept(n) for n in counts.tolist()),
            "all": {"mean": values.mean(), "best": values.max(), "networks": len(values)},
        }

    def run(self, values, name, seed, count, floor):
        """Train on a sample; return the judgement on predictions for the others and on the ranking
        of units, and the scores that AutoBuild gives the units.
        """
        labels = self.labels
        rng = np.random.default_rng(seed)
        rows = rng.permutation(np.flatnonzero(values > floor))[:count]
        sample = BlockLabels(
            labels.family, tuple(labels.architectures[i] for i in rows), values[rows], name
        )
        settings = BlockTraining(seed=seed, epochs=EPOCHS, batch_size=32, learning_rate=3e-3)
        train, _ = settings.split(self.twins[rows].tolist())
        (predictor, _), plain = block_predictor(sample, settings), Additive(sample.take(train))
        others = np.flatnonzero(~np.isin(self.twins, self.twins[rows]))
        others = rng.permutation(others)[:TESTED]
        rest = labels.take(others)
        score = predictor.score_units().score
        judged = {
            "srcc": {
                "autobuild": spearman(predictor.predict(rest.architectures), values[others]),
                "regression": spearman(plain.predict(rest), values[others]),
            },
            "autobuild": self.judge(score, values),
            "in_contexts": self.judge(predictor.score_units(contexts=CONTEXTS).score, values),
            "regression": self.judge(plain.score_units(), values),
        }
        return judged, self.standardised(score)

    def standardised(self, score):
        """Return scores with mean 0 and standard deviation 1 among the units of a place."""
        result = score.copy()
        for unit in range(self.parts.shape[1]):
            rows = self.units.unit == unit
            result[rows] = (score[rows] - score[rows].mean()) / score[rows].std()
        return result

    def runs(self, values, name, seeds, count, floor=-np.inf):
        """Return what all seeds found, what their mean ranking is worth, and chance.

        count : networks that are trained on; floor : those below this value never are
        """
        runs = [self.run(values, name, seed, count, floor) for seed in seeds]
        return over_seeds([judged for judged, _ in runs]) | {
            "mean_of_seeds": self.judge(np.mean([score for _, score in runs], axis=0), values),
            "chance": self.by_chance(values),
        }


def nb201():
    """Return the judgement on NAS-Bench-201 by three accuracies."""
    table = pq.read_table(registry.find("nasbench201", "accuracy.parquet"))
    cells = tuple(table["arch_str"].to_pylist())
    columns = {name: table[name].to_numpy().astype(float) for name in NB201_ACCURACIES}
    accuracy = columns[NB201_ACCURACIES[0]]
    truth = Truth(BlockLabels("nb201", cells, accuracy, NB201_ACCURACIES[0]))
    count = SAMPLES["nb201"]
    found = {name: truth.runs(values, name, SEEDS, count) for name, values in columns.items()}
    name = NB201_ACCURACIES[0]
    found[f"{name}, trained without cells at chance"] = truth.runs(
        accuracy, name, SEEDS, count, CHANCE_ACCURACY
    )
    return found


def nb201_latency():
    """Return the judgement on NAS-Bench-201 by all latencies, negated."""
    cells = pq.read_table(registry.find("nasbench201", "accuracy.parquet"), columns=["arch_str"])
    times = pq.read_table(registry.find("nasbench201", "latency_ms.parquet"))
    names = tuple(cells["arch_str"].to_pylist())
    truth = Truth(BlockLabels("nb201", names, np.zeros(len(names)), "latency"))
    columns = {name: -times[name].to_numpy().astype(float) for name in times.column_names[1:]}
    return {
        name: truth.runs(values, f"-{name}", SEEDS, LATENCY_SAMPLE)
        for name, values in columns.items()
    }


def macro():
    """Return the judgement on NAS-Bench-Macro."""
    table = pq.read_table(registry.find("nasbench_macro", "cifar10.parquet"))
    by_code = dict(zip(table["arch"].to_pylist(), table["mean_acc"].to_pylist(), strict=True))
    codes = tuple(nb_macro.enumerate_all())
    values = np.array([by_code[code] for code in codes])
    truth = Truth(BlockLabels("nb_macro", codes, values, "mean_acc"))
    return {"mean_acc": truth.runs(values, "mean_acc", SEEDS, SAMPLES["nb_macro"])}


def spaces_in_words(found: dict) -> str:
    """Return how well units are ranked where every network is measured."""
    scorings, settings = ("autobuild", "in_contexts", "regression"), found["settings"]
    rows = [
        [
            f"{name}, {target}",
            *(f"{one['srcc'][who]['mean']:.3f}" for who in ("autobuild", "regression")),
            *(f"{mean_of(one[who]['agreement']):.2f}" for who in (*scorings, "mean_of_seeds")),
            *(f"{100 * mean_of(one[who]['in_best']):.0f}" for who in (*scorings, "chance")),
            *(f"{number_of(one[who]['space']['best']):.2f}" for who in (*scorings, "chance")),
            f"{one['chance']['all']['best']:.2f}",
        ]
        for name, part in (("NB-201", "nb201"), ("NB-Macro", "nb_macro"))
        for target, one in found.get(part, {}).items()
    ]
    head = ["table", "SRCC", "regression", "units: norms", "contexts", "regression"]
    head += ["norms, mean of seeds", "in best, %: norms", "contexts", "regression", "chance"]
    head += ["best built: norms", "contexts", "regression", "chance", "best of all"]
    return (
        "NAS-Bench-201 and NAS-Bench-Macro are measured in full: from "
        f"{settings['samples']['nb201']:,} and {settings['samples']['nb_macro']} networks the "
        "units of every place are ranked and compared with the mean of all networks that have the "
        "unit (rank correlation, mean over the three places): by norms as in the paper, and in "
        f"contexts, by the mean prediction for {settings['contexts']} networks. In best: share of "
        f"the best {100 * settings['best']:.0f} % of networks whose unit is among the "
        f"{100 * settings['kept']:.0f} % best-ranked. Best built: the best network made of these "
        "units alone, accuracy in %. Means over the seeds; how far these differ is in the "
        "result file.\n\n" + table(head, rows)
    )


def latencies_in_words(found: dict) -> str:
    """Return the same of all latencies of NAS-Bench-201, in one sentence."""
    times = list(found["nb201_latency"].values())
    units = {
        who: statistics.median(mean_of(one[who]["agreement"]) for one in times)
        for who in ("autobuild", "in_contexts", "regression")
    }
    srcc = {
        who: statistics.median(one["srcc"][who]["mean"] for one in times)
        for who in ("autobuild", "regression")
    }
    return (
        f"Latencies of NAS-Bench-201 on {len(times)} device settings, from "
        f"{found['settings']['latency_sample']} cells each, medians: rank correlation of "
        f"predictions {srcc['autobuild']:.3f} (regression {srcc['regression']:.3f}); of units by "
        f"norms {units['autobuild']:.2f}, in contexts {units['in_contexts']:.2f} (regression "
        f"{units['regression']:.2f})."
    )
