"""AutoBuild on the graph of operators: the view, predictors, importance, segments in a search.

    python -m benchmarks.autobuild.bench_autobuild_operators [PART ...]

Parts are view, ofa, cells, digits and segments; the others keep what was recorded before. Needs the
datasets ofa_pseudo, autobuild_models and nasbench201. The labels of the Once-for-All families are
outputs of published predictors, no measurements, and what is said of the importance of blocks is
judged by the same predictors. Trained predictors are kept, see kept.py, so that a broken-off part
goes on.
"""

import json
import os
import sys
import time
from itertools import combinations

from benchmarks.recording import RESULTS, at_scale, figures, listed, one_thread, record, table

one_thread()

import numpy as np  # noqa: E402
import pandas  # noqa: E402
from scipy.stats import wilcoxon  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.block_table import read_block_table  # noqa: E402
from archloom.data.labels import mean_values, read_labels  # noqa: E402
from archloom.predict import GNN, LabelledGraphs, TrainingSettings  # noqa: E402
from archloom.predict.blocks.predictor import BlockPredictor  # noqa: E402
from archloom.predict.blocks.task import BlockTraining  # noqa: E402
from archloom.predict.metrics import spearman  # noqa: E402
from archloom.predict.operators.network import OperatorGraphs, OperatorShape  # noqa: E402
from archloom.search.front import hypervolume  # noqa: E402
from archloom.search.graphs.optimise import Artefacts, optimise  # noqa: E402
from archloom.search.graphs.settings import SearchSettings  # noqa: E402
from archloom.segments import Tokeniser, build_database, train_vocabulary  # noqa: E402
from archloom.spaces import FAMILIES, nb201  # noqa: E402
from archloom.views.operators import operator_features  # noqa: E402
from archloom.views.sequence import mobile_space  # noqa: E402
from benchmarks.kept import operator_predictor  # noqa: E402

NAME = "autobuild_operators"
OFA, DIGITS = ("ofa_mbv3", "ofa_pn"), ("nb201", "hiaml", "two_path")
SEARCHED = ("nb201", "two_path")
SEEDS, SEARCH_SEEDS = at_scale(((0, 1, 2), range(10)), ((0, 1), range(2)))
CELLS, NETWORKS = at_scale((2000, 40), (200, 3))
OFA_NETWORKS = at_scale(None, 150)
"""How many; None: all."""
FULL = {"epochs": at_scale(100, 1)}
SHORT = {"epochs": at_scale(60, 1), "learning_rate": 5e-3}
"""For cells: of these an epoch has fewer steps."""
BUDGETS = at_scale((200, 400, 800), (10, 20, 40))
LOWEST = 0.8
FEW = {"epochs": at_scale(60, 1), "batch_size": 32, "test_share": 0.2}
NOTE = (
    "Accuracies of the Once-for-All families are pseudo-labels of the published predictors; nb201 "
    "benchmark: cifar10_test_acc_200, split by isomorphism class; digits: our own labels. CPU "
    "seconds of one thread."
)


def block_table(family):
    """Return the pseudo-labelled networks of a family."""
    return read_block_table(registry.find("ofa_pseudo", f"{family}.parquet"), mobile_space(family))


def ofa(family):
    """Return the pseudo-labelled networks of a family as graphs."""
    table = block_table(family)
    graphs = [FAMILIES[family].build(one) for one in table.architectures[:OFA_NETWORKS]]
    return LabelledGraphs(graphs, table.metrics["acc"][:OFA_NETWORKS])


def cells(with_none=True, lowest=0.0):
    """Return NB-201 networks with the benchmark's accuracies, and their isomorphism classes.

    with_none : whether there are cells with none on an edge, whose operators may be for nothing
    lowest    : accuracies below count as this
    """
    table = pandas.read_parquet(registry.find("nasbench201", "accuracy.parquet"))
    if not with_none:
        table = table[~table.arch_str.str.contains("none")]
    table = table.sample(CELLS, random_state=0)
    graphs = [nb201.build(one) for one in table.arch_str]
    labels = np.maximum(table.cifar10_test_acc_200.to_numpy() / 100, lowest)
    return LabelledGraphs(graphs, labels), [str(one) for one in table.isomorph_index]


def digits(family):
    """Return the networks with digits labels."""
    path = RESULTS.parent.parent / "labels" / "digits" / f"{family}.parquet"
    values = mean_values(read_labels(path))
    space = FAMILIES[family]
    graphs = [one for one in space.sample(320, 0, space.REDUCED) if one.hash in values]
    return LabelledGraphs(graphs, [values[one.hash] for one in graphs])


def view():
    """Yield what it takes to build the view of 3,000 networks of each family."""
    found = {}
    for family in OFA:
        architectures = block_table(family).architectures[:OFA_NETWORKS]
        started = time.process_time()
        graphs = [FAMILIES[family].build(one) for one in architectures]
        built = time.process_time()
        operator_features(*graphs)
        viewed = time.process_time()
        form = OperatorGraphs.of(graphs, OperatorShape().hops)
        found[family] = {
            "networks": len(graphs),
            "nodes": int(form.parts.ptr[-1]),
            "classes_by_hop": [
                len(form.classes.features),
                *(len(level.ptr) - 1 for level in form.classes.levels),
            ],
            "build_cpu_s": round(built - started, 2),
            "features_cpu_s": round(viewed - built, 2),
            "view_cpu_s": round(time.process_time() - viewed, 2),
        }
    yield "view", found


def run(data, seed, layer="gatv2", twins=None, **changes):
    """Train one predictor; return it with what was measured."""
    settings = BlockTraining(seed=seed, **changes)
    predictor, spent = operator_predictor(data, settings, OperatorShape(layer), twins)
    found = predictor.card.metrics
    return predictor, {
        "layer": layer,
        "seed": seed,
        "epochs": settings.epochs,
        "networks": len(data.graphs),
        "test_networks": found["networks"],
        "cpu_s": round(spent, 1),
        "srcc": round(found["srcc"], 4),
        "mae": round(found["mae"], 5),
        "srcc_per_hop": [round(value, 3) for value in found["srcc_per_hop"]],
    }


def block_effects(family, predictors):
    """Return how the importance of blocks agrees with their effect.

    The effect of a block is what the published accuracy predictor loses when the block becomes
    e3k3; its importance is the mean over its nodes, which are those between the first and the last
    that the replacement changes.
    """
    teacher = BlockPredictor.load(registry.find("autobuild_models", f"{family}_acc.safetensors"))
    space = FAMILIES[family]
    networks, spans = [], []
    for number, architecture in enumerate(block_table(family).architectures[-NETWORKS:]):
        whole = operator_features(space.build(architecture))
        stages = [stage.split(",") for stage in architecture.split("|")]
        for stage, blocks in enumerate(stages):
            for place, block in enumerate(blocks):
                if block == "e3k3":
                    continue
                changed = [list(one) for one in stages]
                changed[stage][place] = "e3k3"
                other = "|".join(",".join(one) for one in changed)
                different = np.flatnonzero(
                    (operator_features(space.build(other)) != whole).any(axis=1)
                )
                networks.append((architecture, other))
                spans.append((number, stage, different[0], different[-1] + 1))
    before, after = (teacher.predict(some) for some in zip(*networks, strict=True))
    effect = before - after
    graphs = [space.build(one) for one in block_table(family).architectures[-NETWORKS:]]
    stage_of = np.array([stage for _, stage, _, _ in spans])
    agreements, importances = [], []
    for predictor in predictors:
        nodes = [predictor.importance(graph).importance for graph in graphs]
        importance = np.array([nodes[i][first:last].mean() for i, _, first, last in spans])
        importances.append(np.concatenate(nodes))
        agreements.append(
            {
                "all": round(spearman(importance, effect), 3),
                "within_stages": round(
                    float(
                        np.mean(
                            [
                                spearman(importance[stage_of == one], effect[stage_of == one])
                                for one in np.unique(stage_of)
                            ]
                        )
                    ),
                    3,
                ),
            }
        )
    return {
        "blocks": len(effect),
        "agreement_by_seed": agreements,
        "between_seeds": agreement(importances),
    }


def agreement(rankings):
    """Return the rank correlations of all pairs of rankings."""
    return [round(spearman(one, other), 3) for one, other in combinations(rankings, 2)]


def all_layers(data, twins=None, **changes):
    """Return predictors of all seeds and what was measured of them; of graphconv of one seed."""
    trained, rows = zip(*(run(data, seed, twins=twins, **changes) for seed in SEEDS), strict=True)
    return trained, (*rows, run(data, 0, "graphconv", twins, **changes)[1])


def of_ofa():
    """Yield the quality of predictors of the Once-for-All families, and of importance by them."""
    for family in OFA:
        trained, rows = all_layers(ofa(family), **FULL)
        yield "predictors", {family: rows}
        yield "importance_of_blocks", {family: block_effects(family, trained)}


def of_cells():
    """Yield the quality of predictors of NB-201 by the benchmark's accuracies."""
    for name, (data, twins) in {
        "nb201 benchmark": cells(),
        f"nb201 benchmark, at least {LOWEST}": cells(lowest=LOWEST),
        "nb201 benchmark, without none": cells(with_none=False),
    }.items():
        yield "predictors", {name: all_layers(data, twins, **SHORT)[1]}


def of_digits():
    """Yield the quality of predictors of networks with digits labels."""
    for family in DIGITS:
        data = digits(family)
        yield "predictors", {f"{family} digits": [run(data, seed, **FEW)[1] for seed in SEEDS]}


def segments():
    """Yield the fronts of searches that draw segments uniformly, and by importance."""
    data = {family: digits(family) for family in DIGITS}
    mined = [graph for one in data.values() for graph in one.graphs]
    vocabulary = train_vocabulary(mined, size=600)
    tokeniser = Tokeniser(vocabulary)
    database = build_database(mined, tokeniser)
    found = {"topologies": database.n_topologies, "instances": database.n_instances}
    found["families"] = {
        family: compare(family, data[family], vocabulary, database) for family in SEARCHED
    }
    yield "segments", found


def compare(family, data, vocabulary, database):
    """Return hypervolumes of both kinds of search from the family's median network."""
    labels = np.asarray(data.labels)
    order = np.random.default_rng(0).permutation(len(labels))
    train, dev = (
        LabelledGraphs([data.graphs[i] for i in some], labels[some])
        for some in (order[:-40], order[-40:])
    )
    judge = GNN()
    judge.fit(
        train, dev, TrainingSettings(epochs=at_scale(40, 1), batch_size=32, learning_rate=1e-3)
    )
    rankings = [
        operator_predictor(data, BlockTraining(seed=seed, **FEW))[0].rank_segments(database)
        for seed in SEEDS
    ]
    start = data.graphs[int(np.argsort(labels)[len(labels) // 2])]
    volumes = {"uniform": [], "by importance": []}
    for seed in SEARCH_SEEDS:
        for name, one in (("uniform", None), ("by importance", rankings[seed % len(SEEDS)])):
            artefacts = Artefacts(vocabulary, database, judge, one)
            volumes[name].append(search(start, artefacts, family, seed))
    uniform, ranked = (np.array(rows) for rows in volumes.values())
    return {
        "judge_dev_srcc": round(judge.evaluate(dev)["srcc"], 3),
        "rankings_of_segments_between_seeds": agreement([one.scores for one in rankings]),
        "hypervolume": {
            str(budget): {
                "uniform": spread(uniform[:, column]),
                "by importance": spread(ranked[:, column]),
                "seeds": len(uniform),
                "seeds_won": int((ranked[:, column] > uniform[:, column]).sum()),
                "p": round(float(wilcoxon(ranked[:, column], uniform[:, column]).pvalue), 3),
            }
            for column, budget in enumerate(BUDGETS)
        },
    }


def search(start, artefacts, family, seed):
    """Return the hypervolume of the graphs scored first, for every budget.

    In thousandths of predicted accuracy above the input's, times FLOPs below 110 % of the input's
    as a share of the input's.
    """
    settings = SearchSettings(family=family, iterations=30, max_visited=BUDGETS[-1], max_targets=50)
    result = optimise(start, artefacts, settings, seed=seed)
    score, flops = (
        result.visited[name].to_numpy().astype(np.float64) for name in ("score", "flops")
    )
    points = np.stack([1000 * score, flops / result.flops], axis=1)
    worst = np.array([1000 * result.score, 1.1])
    better = np.array([True, False])
    return [hypervolume(points[:budget], better, worst) for budget in BUDGETS]


def spread(values):
    """Return mean and standard deviation."""
    return [float(f"{value:.3g}") for value in (values.mean(), values.std(ddof=1))]


def keep(part, **found):
    """Put what was found into the result file, beside what it holds of other parts."""
    path = RESULTS / f"{NAME}.json"
    figures = json.loads(path.read_text())["figures"] if path.exists() else {}
    figures.setdefault(part, {}).update(found)
    figures.setdefault("load", {})[part] = round(os.getloadavg()[0], 1)
    record(NAME, figures, seeds=list(SEEDS), note=NOTE)


PARTS = {
    "view": view,
    "ofa": of_ofa,
    "cells": of_cells,
    "digits": of_digits,
    "segments": segments,
}


def main():
    for name in sys.argv[1:] or PARTS:
        for part, found in PARTS[name]():
            keep(part, **found)


def section() -> str:
    """Return what AutoBuild's predictor is worth on graphs of operators."""
    found = figures("autobuild_operators")
    built = [
        f"{one['networks']:,} networks of {family}, {one['nodes']:,} nodes in "
        f"{one['classes_by_hop'][-1]:,} classes: built in {one['build_cpu_s']:.1f} s, converted in "
        f"{one['view_cpu_s']:.1f} s"
        for family, one in found["view"].items()
    ]
    rows = [
        [
            family,
            f"{one['layer']}, {one['epochs']}, {one['seed']}",
            f"{one['networks'] - one['test_networks']:,} / {one['test_networks']}",
            f"{one['cpu_s']:.0f}",
            f"{one['srcc']:.3f}",
            listed(one["srcc_per_hop"], " / "),
        ]
        for family, some in found["predictors"].items()
        for one in some
    ]
    head = ["networks", "layer, epochs, seed", "train / test", "CPU s", "test SRCC"]
    head += ["of norms, hops 0 to 4"]
    effects = [
        [
            family,
            one["blocks"],
            listed(seed["all"] for seed in one["agreement_by_seed"]),
            listed(seed["within_stages"] for seed in one["agreement_by_seed"]),
            listed(one["between_seeds"]),
        ]
        for family, one in found["importance_of_blocks"].items()
    ]
    parts = found["segments"]
    searches = [
        [
            family,
            budget,
            *("{:.3g} ± {:.2g}".format(*volume[name]) for name in ("uniform", "by importance")),
            f"{volume['seeds_won']} of {volume['seeds']}",
            f"{volume['p']:.2f}",
        ]
        for family, one in parts["families"].items()
        for budget, volume in one["hypervolume"].items()
    ]
    between = "; ".join(
        f"{family} {listed(one['rankings_of_segments_between_seeds'])}"
        for family, one in parts["families"].items()
    )
    return (
        f"## AutoBuild on graphs of operators\n\n{'; '.join(built)} (processor time, one thread)."
        "\n\nLabels of the Once-for-All families are pseudo-labels of the published predictors, "
        "those of the benchmark CIFAR-10 accuracies split by isomorphism class, digits labels are "
        "noisy. Other work ran on the machine.\n\n"
        + table(head, rows)
        + "\n\nImportance of blocks, the mean over their nodes, against their effect: the accuracy "
        "that the published predictor loses when the block becomes e3k3. Rank correlations per "
        "seed; and of the importance of all nodes between pairs of seeds.\n\n"
        + table(["networks", "blocks", "all", "within stages", "between seeds"], effects)
        + "\n\nSearches that draw segments by importance, or uniformly as in the paper: "
        f"{parts['instances']:,} segments of {parts['topologies']:,} topologies from networks with "
        "digits labels, from the median network, a GNN predictor scores. Hypervolume of the graphs "
        "scored first (thousandths of predicted accuracy above the input's, times share of FLOPs "
        "saved below 110 %), mean and standard deviation over the seeds, Wilcoxon's signed-rank "
        "test.\n\n"
        + table(["family", "graphs", "uniform", "by importance", "seeds won", "p"], searches)
        + f"\n\nRank correlation of the segments' scores between pairs of seeds: {between}."
    )


if __name__ == "__main__":
    main()
