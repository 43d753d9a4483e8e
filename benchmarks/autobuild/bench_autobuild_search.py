"""Pareto search over AutoBuild's reduced spaces against its baselines.

    python -m benchmarks.autobuild.bench_autobuild_search

Units are ranked as the workflow does by default, and by norms as published. Needs the datasets
ofa_pseudo and autobuild_models. The published predictors say what a network is worth, in the search
as in the labels that the ranking of units was learnt from: search methods are compared under one
judge, not networks on ImageNet or on a device. Trained predictors are kept, see kept.py.
"""

import time
from functools import cache

from benchmarks.recording import RESULTS, at_scale, figures, one_thread, record, result, table

one_thread()

import numpy as np  # noqa: E402
from scipy.stats import ttest_rel, wilcoxon  # noqa: E402

from archloom.config.autobuild import Autobuild  # noqa: E402
from archloom.data import registry  # noqa: E402
from archloom.data.block_table import read_block_table  # noqa: E402
from archloom.files import write_text  # noqa: E402
from archloom.predict.blocks.agreement import mean_ranking  # noqa: E402
from archloom.predict.blocks.predictor import BlockPredictor  # noqa: E402
from archloom.predict.blocks.task import BlockTraining  # noqa: E402
from archloom.report.autobuild.figures import FrontPanel, unit_fronts_figure  # noqa: E402
from archloom.report.style import to_svg  # noqa: E402
from archloom.search.units.figures import PredictedFigure  # noqa: E402
from archloom.search.units.search import search_units  # noqa: E402
from archloom.search.units.space import UnitSpace, joined  # noqa: E402
from archloom.search.units.variation import LayerVariation, UnitVariation, layer_insight  # noqa: E402
from archloom.views.sequence import mobile_space  # noqa: E402
from benchmarks.kept import block_predictor  # noqa: E402

FAMILIES = {"ofa_mbv3": "MobileNetV3", "ofa_pn": "ProxylessNAS"}
TARGETS = {
    "gpu": (
        "100**acc",
        "100**acc / log10(latency_gpu)",
        "sqrt(100*acc) - 0.25*sqrt(latency_gpu)",
        "acc / latency_gpu",
    ),
    "cpu": (
        "100**acc",
        "100*acc - 0.01*latency_cpu",
        "100*acc - 0.5*sqrt(latency_cpu)",
        "acc / latency_cpu",
    ),
    "npu": ("100**acc / log10(latency_npu)", "100*acc - log10(latency_npu)", "acc / latency_npu"),
}
"""The paper's targets; it does not say how accuracy and latency are scaled in differences, so the
factors there are ours."""
WORST = {
    ("ofa_mbv3", "gpu"): (0.73, 11.0),
    ("ofa_mbv3", "cpu"): (0.73, 570.0),
    ("ofa_mbv3", "npu"): (0.73, 22.0),
    ("ofa_pn", "gpu"): (0.71, 6.5),
    ("ofa_pn", "cpu"): (0.71, 165.0),
    ("ofa_pn", "npu"): (0.71, 35.0),
}
"""Where hypervolumes start: accuracy below, latency in ms above that of all labelled networks."""
SEEDS = tuple(range(at_scale(20, 2)))
DEFAULTS = at_scale(Autobuild(), Autobuild(epochs=1, seeds=1, contexts=1))
"""The workflow's settings: epochs, seeds and contexts of rankings, how many units are kept."""
RANKINGS = tuple(range(DEFAULTS.seeds))
"""Seeds of the predictors whose mean ranking counts."""
OTHER_RANKINGS = at_scale((0, 1, 2), (0, 1))
"""Seeds of predictors that rank alone, for one case."""
OTHER_CASE = ("ofa_mbv3", "gpu")
AUTOBUILD, NORMS = "AutoBuild", "AutoBuild, norms"
SCORINGS = {AUTOBUILD: DEFAULTS.contexts, NORMS: 0}
"""Contexts that units are scored in; 0: by norms, as published."""
PAIRS = (
    (AUTOBUILD, "Layer-Full"),
    (AUTOBUILD, "Layer-Insight"),
    (AUTOBUILD, "Stage-Full"),
    (AUTOBUILD, NORMS),
    (NORMS, "Layer-Full"),
    (NORMS, "Layer-Insight"),
    (NORMS, "Stage-Full"),
    ("Layer-Full", "Stage-Full"),
)


@cache
def table_of(family):
    """Return the pseudo-labelled networks of a family."""
    return read_block_table(registry.find("ofa_pseudo", f"{family}.parquet"), mobile_space(family))


@cache
def predictor_of(family, target, seed):
    """Return a predictor, and the processor time of its training."""
    settings = BlockTraining(epochs=DEFAULTS.epochs, seed=seed)
    predictor, spent = block_predictor(table_of(family).labelled(target), settings)
    print(family, target, seed, predictor.card.metrics["srcc"], f"{spent:.1f} s", flush=True)
    return predictor, spent


def reduced(family, device, contexts, seeds):
    """Return the joined spaces of the best units for each of a device's targets."""
    spaces = []
    for target in TARGETS[device]:
        scored = mean_ranking(
            [predictor_of(family, target, seed)[0].score_units(contexts=contexts) for seed in seeds]
        )
        best = scored.best(DEFAULTS.top_k)
        pools = tuple(tuple(scored.units.blocks[i] for i in indices) for indices in best)
        scores = tuple(tuple(scored.score[indices].tolist()) for indices in best)
        spaces.append(UnitSpace(family, target, pools, scores))
    return joined(spaces)


def figures_of(family, device):
    """Return accuracy and latency by the published predictors."""
    return [
        PredictedFigure(name, maximise=name == "acc", predictor=BlockPredictor.load(path))
        for name in ("acc", f"latency_{device}")
        for path in [registry.find("autobuild_models", f"{family}_{name}.safetensors")]
    ]


def searches(variation, figures):
    """Return the results of all seeds."""
    return [search_units(variation, figures, seed=seed) for seed in SEEDS]


def compared(family, device):
    """Return per method the results of all seeds."""
    variations = {
        name: UnitVariation(reduced(family, device, contexts, RANKINGS))
        for name, contexts in SCORINGS.items()
    }
    variations |= {
        "Layer-Full": LayerVariation(family),
        "Layer-Insight": layer_insight(family, device),
        "Stage-Full": UnitVariation(UnitSpace.full(family)),
    }
    figures = figures_of(family, device)
    return {method: searches(variation, figures) for method, variation in variations.items()}


def other_rankings():
    """Return mean and deviation of AutoBuild's hypervolume with units ranked by one predictor, by
    its seed and the scoring.
    """
    figures, found = figures_of(*OTHER_CASE), {}
    for seed in OTHER_RANKINGS:
        for name, contexts in {"contexts": DEFAULTS.contexts, "norms": 0}.items():
            space = reduced(*OTHER_CASE, contexts, (seed,))
            results = searches(UnitVariation(space), figures)
            last = [one.hypervolumes(WORST[OTHER_CASE])[-1] for one in results]
            found[f"{seed}, {name}"] = {
                "mean": round(float(np.mean(last)), 4),
                "std": round(float(np.std(last, ddof=1)), 4),
            }
    return {"case": "_".join(OTHER_CASE), "by_seed": found}


def summary(found, worst):
    """Return the hypervolumes of one case and the paired tests."""
    volumes = {
        method: np.array([one.hypervolumes(worst) for one in some])
        for method, some in found.items()
    }
    last = {method: rows[:, -1] for method, rows in volumes.items()}
    methods = {
        method: {
            "mean": round(float(last[method].mean()), 4),
            "std": round(float(last[method].std(ddof=1)), 4),
            "by_budget": [round(float(value), 4) for value in volumes[method].mean(axis=0)],
            "by_seed": [round(float(value), 4) for value in last[method]],
            "evaluated": sorted({len(one.visited) for one in some}),
        }
        for method, some in found.items()
    }
    pairs = [
        {
            "better": one,
            "than": other,
            "difference": round(float((last[one] - last[other]).mean()), 4),
            "wins": int((last[one] > last[other]).sum()),
            "t_test_p": float(f"{ttest_rel(last[one], last[other]).pvalue:.2g}"),
            "wilcoxon_p": float(f"{wilcoxon(last[one], last[other]).pvalue:.2g}"),
        }
        for one, other in PAIRS
    ]
    return {"worst": worst, "methods": methods, "pairs": pairs}


def main():
    cases, panels, timing = {}, [], {}
    for family, words in FAMILIES.items():
        trained = [
            predictor_of(family, target, seed)[1]
            for target in {one for some in TARGETS.values() for one in some}
            for seed in RANKINGS
        ]
        begun, n_searches = time.process_time(), 0
        for device in TARGETS:
            found = compared(family, device)
            cases[f"{family}_{device}"] = summary(found, WORST[family, device])
            fronts = {
                method: [one.values for one in some]
                for method, some in found.items()
                if method != NORMS
            }
            panels.append(FrontPanel(f"{words}, {device.upper()}", fronts))
            n_searches += sum(map(len, found.values()))
        spent = time.process_time() - begun
        timing[family] = {
            "ranking_cpu_s": round(float(np.mean(trained)), 1),
            "search_cpu_s": round(spent / n_searches, 2),
        }
    write_text(RESULTS / "autobuild_fronts.svg", to_svg(unit_fronts_figure(panels)))
    figures = {
        "k": DEFAULTS.top_k,
        "evaluations": 250,
        "cases": cases,
        "other_rankings": other_rankings(),
        "timing": timing,
    }
    record(
        "autobuild_search",
        figures,
        seeds=list(SEEDS),
        note="published predictors as judge and as source of the labels that units were ranked "
        f"with; targets of the paper, best units of each target joined; units ranked by the mean "
        f"of {len(RANKINGS)} predictors trained for {DEFAULTS.epochs} epochs, in "
        f"{DEFAULTS.contexts} contexts, as the workflow does ({AUTOBUILD}), and by the published "
        f"score ({NORMS})",
    )


def section() -> str:
    """Return AutoBuild's search against its baselines."""
    found = figures("autobuild_search")
    cases, k, evaluations = found["cases"], found["k"], found["evaluations"]
    rows, tests = [], []
    for case, one in cases.items():
        methods, accuracy = one["methods"], one["worst"][0]
        volumes = [f"{own['mean']:.4f} ± {own['std']:.4f}" for own in methods.values()]
        rows.append([case, f"{accuracy}, {one['worst'][1]:g} ms", *volumes])
        for pair in one["pairs"]:
            seeds = len(methods[pair["better"]]["by_seed"])
            numbers = [f"{pair['difference']:+.4f}", f"{pair['wins']} of {seeds}"]
            numbers += [f"{pair[name]:.1g}" for name in ("t_test_p", "wilcoxon_p")]
            tests.append([case, f"{pair['better']} over {pair['than']}", *numbers])
    methods = next(iter(cases.values()))["methods"]
    budgets = [evaluations * (i + 1) // 5 for i in range(5)]
    course = [
        [case, method, *(f"{value:.4f}" for value in own["by_budget"])]
        for case, one in cases.items()
        for method, own in one["methods"].items()
    ]
    timing = ", ".join(
        f"{family} {one['search_cpu_s']} s per search and {one['ranking_cpu_s']} s per ranking"
        for family, one in found["timing"].items()
    )
    seeds = len(next(iter(methods.values()))["by_seed"])
    others = ", ".join(
        f"{one['mean']:.4f} ± {one['std']:.4f} (seed {seed})"
        for seed, one in found["other_rankings"]["by_seed"].items()
    )
    return (
        "## AutoBuild's search against its baselines\n\n"
        f"{evaluations} networks per search, {seeds} seeds, the {k} best units of each of the "
        "paper's targets for the device joined. Networks are judged by the published predictors, "
        "whose outputs the units were ranked with, too: this compares ways to search under one "
        "judge, not networks on ImageNet or on a device. Hypervolume in fraction x ms against the "
        f"accuracy and latency named, mean and standard deviation over seeds. In detail: "
        f"{result('autobuild_search')['note']}.\n\n"
        + table(["case", "against", *methods], rows)
        + "\n\nDifferences in the same seeds, in how many of them the first is better, and p of a "
        "paired t-test and of a Wilcoxon test (two-sided, not corrected for their number):\n\n"
        + table(["case", "pair", "mean difference", "better in", "t-test", "Wilcoxon"], tests)
        + "\n\nWith units ranked by a single predictor, AutoBuild in "
        f"{found['other_rankings']['case']} reaches {others}.\n\nMean hypervolume by the number "
        "of evaluated networks:\n\n"
        + table(["case", "method", *map(str, budgets)], course)
        + "\n\n![Accuracy within a latency: median over seeds, and what all but the best and worst "
        "tenth reach](../benchmarks/results/autobuild_fronts.svg)\n\n"
        f"Processor time, one thread: {timing}."
    )


if __name__ == "__main__":
    main()
