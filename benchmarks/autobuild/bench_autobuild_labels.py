"""AutoBuild on measured labels: its predictor and its ranking of units, against the whole truth
where a table is exhaustive, and against a regression on blocks.

    python -m benchmarks.autobuild.bench_autobuild_labels [PART ...]

Parts are nb_macro, fpga, ofa_accuracy, ofa_latency, nb201 and nb201_latency; the others keep what
was recorded. Trained predictors are kept, see kept.py, so that a broken-off part goes on.
Needs the datasets nasbench201, nasbench_macro, ofa_accuracy and ofa_latency.

The regression is additive: every block at its place has an effect, input sizes have one each; a
unit's score is the sum of its blocks' effects. Both learn from the same networks. Twins, networks
that compute the same, are never parted between training and test.
"""

from benchmarks.recording import RESULTS, one_thread, record

one_thread()

import json  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from itertools import product  # noqa: E402
from math import ceil, prod  # noqa: E402

import numpy as np  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.block_table import BlockLabels, read_block_table  # noqa: E402
from archloom.predict.blocks.task import BlockTraining  # noqa: E402
from archloom.predict.metrics import spearman  # noqa: E402
from archloom.spaces import FAMILIES, nb_macro  # noqa: E402
from archloom.views.block_space import block_space  # noqa: E402
from archloom.views.sequence import sequence_graphs  # noqa: E402
from archloom.views.units import all_units  # noqa: E402
from benchmarks.kept import block_predictor  # noqa: E402

SEEDS = (0, 1, 2)
SAMPLES = {"nb201": 1000, "nb_macro": 500}
LATENCY_SAMPLE = 300
EPOCHS = 200
CONTEXTS = 64
BEST = 0.01
KEPT = 0.2
RANDOM_SPACES = 100
TESTED = 1000
RIDGE = 1e-3
NB201_ACCURACIES = [f"{task}_test_acc_200" for task in ("cifar10", "cifar100", "imagenet16_120")]
GPUS = tuple(product(("2080ti", "titan_rtx", "titan_xp", "v100"), (1, 32, 64)))
"""GPU types and batch sizes."""
GPU_NETWORKS = 3000
FPGA_NETWORKS = 3000
CHANCE_ACCURACY = 10.5


class Additive:
    """Least squares on blocks by place, and on input sizes."""

    def __init__(self, labels):
        self.family = FAMILIES[labels.family]
        self.sizes = sorted(set(labels.resolution.tolist()))
        rows = self.design(labels)
        penalty = RIDGE * np.eye(rows.shape[1])
        penalty[-1, -1] = 0
        self.mean = labels.values.mean()
        target = rows.T @ (labels.values - self.mean)
        self.effects = np.linalg.solve(rows.T @ rows + penalty, target)

    @staticmethod
    def columns(codes):
        """Return the column of each node's block at its place."""
        return ((codes[:, 0] * 4 + codes[:, 1]) * 3 + codes[:, 3]) * 3 + codes[:, 4]

    def design(self, labels):
        """Return one row of ones and zeros per network."""
        graphs = sequence_graphs(self.family, labels.architectures)
        rows = np.zeros((len(graphs), 6 * 4 * 9))
        graph = np.repeat(np.arange(len(graphs)), np.diff(graphs.ptr))
        rows[graph, self.columns(graphs.codes)] = 1
        sizes = labels.resolution[:, None] == np.array(self.sizes)
        return np.column_stack([rows, sizes, np.ones(len(rows))])

    def predict(self, labels):
        """Return the predicted values."""
        return self.design(labels) @ self.effects + self.mean

    def score_units(self):
        """Return the sum of the effects of every unit's blocks."""
        units = all_units(self.family)
        forest = units.forest
        own = self.effects[self.columns(forest.codes)]
        total, up = own.copy(), forest.parent
        while (up >= 0).any():
            total += np.where(up >= 0, own[np.maximum(up, 0)], 0)
            up = np.where(up >= 0, forest.parent[np.maximum(up, 0)], -1)
        return total[units.node]


def rounded(value, digits=3):
    """Return numbers in nested lists and mappings with so many digits behind the point."""
    if isinstance(value, dict):
        return {key: rounded(one, digits) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(one, digits) for one in value]
    return round(float(value), digits) if isinstance(value, float) else value


def over_seeds(runs):
    """Return mean and standard deviation of every number of alike results."""
    first = runs[0]
    if isinstance(first, dict):
        return {key: over_seeds([run[key] for run in runs]) for key in first}
    if isinstance(first, list):
        return [over_seeds(list(some)) for some in zip(*runs, strict=True)]
    values = np.array(runs, dtype=float)
    return {"mean": values.mean(), "std": values.std(ddof=1)}


# --- spaces that are tabulated in full -----------------------------------------------------------


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


# --- Once-for-All --------------------------------------------------------------------------------


def within(predicted, labels):
    """Return the mean rank correlation among networks of one input size, weighted by number."""
    found, counts = [], []
    for size in set(labels.resolution.tolist()):
        rows = labels.resolution == size
        if rows.sum() >= 4:
            found.append(spearman(predicted[rows], labels.values[rows]))
            counts.append(rows.sum())
    return float(np.average(found, weights=counts))


def unit_sums(labels, units, score):
    """Return the sum of the units' scores of each network."""
    seen = block_space(labels.family)
    place = {key: i for i, key in enumerate(zip(units.unit.tolist(), units.blocks, strict=True))}
    return np.array(
        [
            sum(score[place[key]] for key in enumerate(seen.units(one)))
            for one in labels.architectures
        ]
    )


def run_ofa(labels, seed):
    """Train on nine tenths of the networks, test on the others, overall and at one input size."""
    settings = BlockTraining(seed=seed, epochs=EPOCHS, learning_rate=2e-3)
    train, test = settings.split(labels.architectures)
    (predictor, _), plain = block_predictor(labels, settings), Additive(labels.take(train))
    rest = labels.take(test)
    scored = predictor.score_units(int(np.median(labels.resolution)))
    predictions = {
        "autobuild": predictor.predict(rest.architectures, rest.resolution),
        "regression": plain.predict(rest),
        "sum_of_autobuild_units": unit_sums(rest, scored.units, scored.score),
        "sum_of_regression_units": unit_sums(rest, scored.units, plain.score_units()),
    }
    return {
        "srcc": {name: spearman(one, rest.values) for name, one in predictions.items()},
        "srcc_at_one_size": {name: within(one, rest) for name, one in predictions.items()},
        "mae": {
            name: float(np.abs(predictions[name] - rest.values).mean())
            for name in ("autobuild", "regression")
        },
    }


def ofa_accuracy():
    """Return what is learnt from the accuracies of three super-networks."""
    found = {}
    for name in ("ofa_mbv3_w10", "compofa_mbv3_w10", "moofa_v3"):
        labels = supernet_labels(name)
        runs = [run_ofa(labels, seed) for seed in SEEDS]
        found[name] = over_seeds(runs) | {"networks": len(labels.values)}
    return found


def supernet_labels(name):
    """Return the networks of a super-network; MOOFA's expansions 2, 3, 4 are coded as 3, 4, 6."""
    space = FAMILIES["ofa_mbv3_w10"]
    path = registry.find("ofa_accuracy", f"{name}.parquet")
    if name != "moofa_v3":
        return read_block_table(path, space).labelled("top1")
    table, codes = pq.read_table(path), {2: 3, 3: 4, 4: 6}
    rows = zip(*(table[key].to_pylist() for key in ("d", "ks", "e")), strict=True)
    names = tuple(space.from_lists(d, ks, [codes[one] for one in e]) for d, ks, e in rows)
    sizes = table["resolution"].to_numpy().astype(np.int64)
    return BlockLabels(space.FAMILY, names, table["top1"].to_numpy(), "top1", sizes)


def ofa_latency():
    """Return what is learnt from measured latencies on GPUs."""
    table = read_block_table(
        registry.find("ofa_latency", "ofa_mbv3_latency_ms.parquet"), FAMILIES["ofa_mbv3"]
    )
    rows = np.arange(GPU_NETWORKS)
    return {
        f"{gpu}, batch {batch}": over_seeds(
            [run_ofa(table.labelled(f"-lat_{gpu}_{batch}").take(rows), seed) for seed in SEEDS]
        )
        for gpu, batch in GPUS
    }


def fpga_times():
    """Return the measured time in ms of each block by stage, whether it is first, and words."""
    table = pq.read_table(
        registry.find("ofa_latency", "ofa_mbv3_block_latency_ultra96_fpga.parquet")
    )
    widths, found = [24, 32, 48, 96, 136, 192], {}
    for name, group, ms in zip(
        *(table[key].to_pylist() for key in ("block", "group", "avg_ms")), strict=True
    ):
        match = re.search(r"in_(\d+)x.*out_(\d+)-k_(\d)-e_([346])-", name)
        if match and group.startswith("All"):
            c_in, c_out, kernel, expansion = map(int, match.groups())
            key = widths.index(c_out) - 1, c_in != c_out, f"e{expansion}k{kernel}"
            found[key] = ms
    assert len(found) == 90
    return found


def fpga():
    """Return the ranking of units by measured times of their blocks: labels are sums of them."""
    times, space = fpga_times(), FAMILIES["ofa_mbv3"]
    units = all_units(space)
    truth = np.array(
        [
            -sum(times[unit, i == 0, block] for i, block in enumerate(words.split(",")))
            for unit, words in zip(units.unit.tolist(), units.blocks, strict=True)
        ]
    )
    runs = []
    for seed in SEEDS:
        source = space.architectures(seed)
        names = tuple(next(source) for _ in range(FPGA_NETWORKS))
        exact = BlockLabels(space.FAMILY, names, np.zeros(len(names)), "-latency")
        labels = BlockLabels(space.FAMILY, names, unit_sums(exact, units, truth), "-latency")
        predictor, _ = block_predictor(labels, BlockTraining(seed=seed, epochs=EPOCHS))
        score = predictor.score_units().score
        parts = [units.unit == unit for unit in range(5)]
        same = [parts[u] & (units.size == 3) for u in range(5)]
        runs.append(
            {
                "srcc": predictor.card.metrics["srcc"],
                "agreement": [spearman(score[part], truth[part]) for part in parts],
                "agreement_of_three_blocks": [spearman(score[p], truth[p]) for p in same],
                "top_fifty_in_true_top_five_hundred": [
                    float(np.isin(best(score, part, 50), best(truth, part, 500)).mean())
                    for part in parts
                ],
            }
        )
    return over_seeds(runs)


def best(score, part, count):
    """Return the indices of the best units of a part."""
    rows = np.flatnonzero(part)
    return rows[np.argsort(-score[rows], kind="stable")[:count]]


PARTS = {
    "nb_macro": macro,
    "fpga": fpga,
    "ofa_accuracy": ofa_accuracy,
    "ofa_latency": ofa_latency,
    "nb201": nb201,
    "nb201_latency": nb201_latency,
}


def main():
    path = RESULTS / "autobuild_labels.json"
    for name in sys.argv[1:] or PARTS:
        part = rounded(PARTS[name](), 4)
        found = json.loads(path.read_text())["figures"] if path.exists() else {}
        settings = {
            "epochs": EPOCHS,
            "contexts": CONTEXTS,
            "samples": SAMPLES,
            "latency_sample": LATENCY_SAMPLE,
            "tested": TESTED,
            "best": BEST,
            "kept": KEPT,
            "gpu_networks": GPU_NETWORKS,
            "fpga_networks": FPGA_NETWORKS,
        }
        record(
            "autobuild_labels",
            found | {name: part, "settings": settings},
            seeds=list(SEEDS),
            note="std over seeds",
        )


if __name__ == "__main__":
    main()
