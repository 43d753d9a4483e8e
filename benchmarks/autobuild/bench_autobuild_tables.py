"""Our side of the tables of AutoBuild's paper, on the pseudo-labelled block networks.

    python -m benchmarks.autobuild.bench_autobuild_tables [PART ...]

Parts are responses, construction (with the searches) and hops; others keep what was recorded.
Needs the datasets ofa_pseudo and autobuild_models. Labels and judge are the predictors published
with AutoBuild, so all of it is consistency with them, not ImageNet accuracy. Trained predictors are
kept, see kept.py, so that a broken-off part goes on. Units are scored by norms, as published.
"""

from benchmarks.recording import RESULTS, at_scale, one_thread, record

one_thread()

import json  # noqa: E402
import sys  # noqa: E402
from functools import cache  # noqa: E402
from itertools import product  # noqa: E402

import numpy as np  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.block_table import read_block_table  # noqa: E402
from archloom.graph import flops  # noqa: E402
from archloom.predict.blocks.predictor import BlockPredictor  # noqa: E402
from archloom.predict.blocks.task import BlockTraining  # noqa: E402
from archloom.report.autobuild.figures import attained  # noqa: E402
from archloom.search.units.figures import PredictedFigure  # noqa: E402
from archloom.search.units.search import search_units  # noqa: E402
from archloom.search.units.space import UnitSpace, joined  # noqa: E402
from archloom.search.units.variation import LayerVariation, UnitVariation, layer_insight  # noqa: E402
from archloom.spaces import FAMILIES  # noqa: E402
from archloom.spaces.ofa_mobile import EXPANSIONS  # noqa: E402
from archloom.views.block_space import block_space  # noqa: E402
from benchmarks.kept import block_predictor  # noqa: E402

SEEDS = at_scale((0, 1, 2), (0,))
K = 5
DEVICES = ("gpu", "cpu", "npu")
HOP_TARGETS = {"accuracy": "acc", **{f"{d} latency": f"-latency_{d}" for d in DEVICES}}
CONSTRUCTION = {
    "gpu": {
        "100^Acc": "100**acc",
        "100^Acc/log10(Lat)": "100**acc / log10(latency_gpu)",
        "√Acc−¼√Lat": "sqrt(100*acc) - 0.25*sqrt(latency_gpu)",
        "Acc/Lat": "acc / latency_gpu",
    },
    "cpu": {
        "100^Acc": "100**acc",
        "Acc−Lat": "100*acc - latency_cpu",
        "Acc−½√Lat": "100*acc - 0.5*sqrt(latency_cpu)",
        "Acc/Lat": "acc / latency_cpu",
    },
    "npu": {
        "100^Acc/log10(Lat)": "100**acc / log10(latency_npu)",
        "Acc−log10(Lat)": "100*acc - log10(latency_npu)",
        "Acc/Lat": "acc / latency_npu",
    },
}
"""Targets of the paper's figure: accuracy in percent where it is not an exponent or a ratio."""
RESOLUTIONS = (224, 208, 192)
SEARCHES = tuple(range(at_scale(10, 1)))
EPOCHS = at_scale(200, 1)
POINTS = {
    "gpu": {
        "AutoBuild-NAS": (5.6, 5.9, 6.2, 6.5, 7.2, 7.5, 8.8, 9.5),
        "Layer-Full": (5.5, 5.9, 6.0, 6.5, 7.1, 8.0, 9.1),
        "Layer-Insight": (5.5, 5.6, 6.2, 6.6, 7.3, 8.8, 9.6),
        "Stage-Full": (8.0, 8.2, 9.2, 9.3, 10.0, 10.5),
    },
    "cpu": {
        "AutoBuild-NAS": (245, 262, 290, 300, 370, 430, 495),
        "Layer-Full": (263, 545),
        "Layer-Insight": (255, 300, 490),
        "Stage-Full": (390, 530),
    },
    "npu": {
        "AutoBuild-NAS": (2.35, 2.6, 3.5, 4.3),
        "Layer-Full": (2.7, 3.8, 9.0),
        "Layer-Insight": (2.3, 2.6, 3.4),
        "Stage-Full": (3.5, 11),
    },
}
"""Latencies in ms of the points that are read off the paper's curves."""


def table_of(family):
    """Return the pseudo-labelled networks of a family."""
    return read_block_table(registry.find("ofa_pseudo", f"{family}.parquet"), FAMILIES[family])


def trained(family, target, seed):
    """Return a predictor of our own."""
    settings = BlockTraining(epochs=EPOCHS, seed=seed)
    return block_predictor(table_of(family).labelled(target), settings)[0]


def teacher(family, metric):
    """Return a published predictor."""
    return BlockPredictor.load(registry.find("autobuild_models", f"{family}_{metric}.safetensors"))


def spread(values, digits):
    """Return mean and standard deviation."""
    return {
        "mean": round(float(np.mean(values)), digits),
        "std": round(float(np.std(values)), digits),
    }


def hops(family):
    """Return the rank correlation of norms per hop and of predictions, by target."""
    found = {}
    for name, target in HOP_TARGETS.items():
        runs = [trained(family, target, seed).card.metrics for seed in SEEDS]
        rows = np.array([[*run["srcc_per_hop"], run["srcc"]] for run in runs])
        found[name] = [spread(column, 3) for column in rows.T]
    return found


def extent(values, digits):
    """Return the range of values as a text."""
    return f"{values.min():.{digits}f}–{values.max():.{digits}f}"


@cache
def ranked(family, target):
    """Return the units of a family, scored for a target."""
    return trained(family, target, SEEDS[0]).score_units()


def construction(family):
    """Return what all networks of the best units are like, by device and target, and the spaces of
    these units by device.
    """
    table, space, spaces = table_of(family), block_space(family), {}
    judges = {device: teacher(family, f"latency_{device}") for device in DEVICES}
    accuracy, found = teacher(family, "acc"), {}
    for device, targets in CONSTRUCTION.items():
        found[device], spaces[device] = {}, []
        for name, target in targets.items():
            scored = ranked(family, target)
            best = [[scored.units.blocks[i] for i in some] for some in scored.best(K)]
            networks = [space.join(units) for units in product(*best)]
            scores = tuple((0.0,) * len(pool) for pool in best)
            pools = tuple(tuple(pool) for pool in best)
            spaces[device].append(UnitSpace(family, target, pools, scores))
            times, tops = judges[device].predict(networks), 100 * accuracy.predict(networks)
            front = table.metrics[f"latency_{device}"] <= times.mean()
            known = 100 * table.metrics["acc"][front]
            best_known = round(float(known.max()), 2) if len(known) else "none is as fast"
            found[device][name] = {
                "target": target,
                "latency_ms": extent(times, 2),
                "accuracy_percent": extent(tops, 1),
                "mean_latency_ms": round(float(times.mean()), 2),
                "mean_accuracy_percent": round(float(tops.mean()), 2),
                "best_labelled_as_fast_percent": best_known,
            }
    return found, spaces


def occurrences(table):
    """Return, by block or by expansion, how often it occurs in each network of a table."""
    blocks = [name.replace("|", ",").split(",") for name in table.architectures]
    words = list(block_space(table.family).codes)
    counts = {word: np.array([some.count(word) for some in blocks]) for word in words}
    for expansion in EXPANSIONS:
        prefix = f"e{expansion}"
        counts[prefix] = sum(counts[word] for word in words if word.startswith(prefix))
    return counts


def response(values, counts, digits):
    """Return the mean of a metric over all occurrences of each block, and their extent."""
    means = {word: float(np.average(values, weights=count)) for word, count in counts.items()}
    found = {word: round(mean, digits) for word, mean in means.items()}
    single = {word: mean for word, mean in means.items() if "k" in word}
    small = [mean for word, mean in single.items() if not word.endswith("k7")]
    found["all"] = extent(np.array(list(single.values())), digits)
    found["kernels 3 and 5"] = extent(np.array(small), digits)
    return found


def responses(family):
    """Return the responses of all metrics, by input size."""
    table, space = table_of(family), FAMILIES[family]
    counts, names = occurrences(table), table.architectures
    sizes = RESOLUTIONS if family == "ofa_mbv3" else RESOLUTIONS[:1]
    found = {}
    for metric, factor, digits in (("acc", 100, 2), *((f"latency_{d}", 1, 3) for d in DEVICES)):
        for size in sizes:
            values = factor * teacher(family, metric).predict(names, size)
            found[f"{metric} {size}"] = response(values, counts, digits)
    costs = np.array([1e-6 * flops(space.build(name), "mac") for name in names])
    return found | {"flops 224": response(costs, counts, 1)}


# --- Pareto search -------------------------------------------------------------------------------


def reached(family, spaces):
    """Return the accuracy that every method reaches within the published latencies, by device."""
    accuracy = PredictedFigure("acc", maximise=True, predictor=teacher(family, "acc"))
    found = {}
    for device, points in POINTS.items():
        latency = PredictedFigure("latency", predictor=teacher(family, f"latency_{device}"))
        variations = {
            "AutoBuild-NAS": UnitVariation(joined(spaces[device])),
            "Layer-Full": LayerVariation(family),
            "Layer-Insight": layer_insight(family, device),
            "Stage-Full": UnitVariation(UnitSpace.full(family)),
        }
        found[device] = {}
        for method, variation in variations.items():
            fronts = [
                search_units(variation, (accuracy, latency), seed=seed).values for seed in SEARCHES
            ]
            tops = 100 * attained(fronts, np.array(points[method]))
            found[device][method] = {
                str(ms): spread(column, 2)
                if np.isfinite(column).all()
                else {"mean": "not reached by every search"}
                for ms, column in zip(points[method], tops.T, strict=True)
            }
    return found


def all_responses():
    """Return the responses of both families."""
    return {"responses": {family: responses(family) for family in ("ofa_mbv3", "ofa_pn")}}


def built():
    """Return what the best units make, and what searches of them reach."""
    found, spaces = construction("ofa_mbv3")
    return {"construction": found, "pareto": reached("ofa_mbv3", spaces)}


def all_hops():
    """Return the rank correlations of the family that the paper shows."""
    return {"hops": {"ofa_pn": hops("ofa_pn")}}


PARTS = {"responses": all_responses, "construction": built, "hops": all_hops}


def main():
    path = RESULTS / "autobuild_tables.json"
    for name in sys.argv[1:] or PARTS:
        part = PARTS[name]() | {"epochs": EPOCHS, "searches": len(SEARCHES)}
        found = json.loads(path.read_text())["figures"] if path.exists() else {}
        record(
            "autobuild_tables",
            found | part,
            seeds=list(SEEDS),
            note="pseudo-labels of the published predictors, which also judge what is built",
        )


if __name__ == "__main__":
    main()
