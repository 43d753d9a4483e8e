"""AutoBuild on the graph of operators: the view, predictors, importance, segments in a search.

    python benchmarks/bench_autobuild_operators.py [view] [predictors] [segments]

Needs the datasets ofa_pseudo, autobuild_models and nasbench201. The labels of the Once-for-All
families are outputs of published predictors, no measurements, and what is said of the importance of
blocks is judged by the same predictors. Parts that are not named keep what was recorded before.
"""

import json
import os
import sys
import time
from itertools import combinations

from recording import RESULTS, one_thread, record

one_thread()

import numpy as np  # noqa: E402
import pandas  # noqa: E402
from scipy.stats import wilcoxon  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.block_table import read_block_table  # noqa: E402
from archloom.data.labels import mean_values, read_labels  # noqa: E402
from archloom.predict import GNN, LabelledGraphs, TrainingSettings  # noqa: E402
from archloom.predict.block_training import BlockTraining  # noqa: E402
from archloom.predict.blocks import BlockPredictor  # noqa: E402
from archloom.predict.metrics import spearman  # noqa: E402
from archloom.predict.operator_network import OperatorGraphs, OperatorShape  # noqa: E402
from archloom.predict.operators import OperatorPredictor  # noqa: E402
from archloom.search.front import hypervolume  # noqa: E402
from archloom.search.optimise import Artefacts, optimise  # noqa: E402
from archloom.search.settings import SearchSettings  # noqa: E402
from archloom.segments import Tokeniser, build_database, train_vocabulary  # noqa: E402
from archloom.spaces import FAMILIES, nb201  # noqa: E402
from archloom.views.operators import operator_features  # noqa: E402
from archloom.views.sequence import mobile_space  # noqa: E402

NAME = "autobuild_operators"
OFA, DIGITS = ("ofa_mbv3", "ofa_pn"), ("nb201", "hiaml", "two_path")
SEARCHED = ("nb201", "two_path")
SEEDS, SEARCH_SEEDS = (0, 1, 2), range(10)
CELLS, NETWORKS, EPOCHS = 2000, 40, 30
BUDGETS = (200, 400, 800)
FEW = {"batch_size": 32, "test_share": 0.2}
NOTE = (
    "Accuracies of the Once-for-All families are pseudo-labels of the published predictors; nb201 "
    "benchmark: cifar10_test_acc_200, split by isomorphism class; digits: our own labels. CPU "
    "seconds of one thread; other work ran on the machine."
)


def block_table(family):
    """Return the pseudo-labelled networks of a family."""
    return read_block_table(registry.find("ofa_pseudo", f"{family}.parquet"), mobile_space(family))


def ofa(family):
    """Return the pseudo-labelled networks of a family as graphs."""
    table = block_table(family)
    graphs = [FAMILIES[family].build(one) for one in table.architectures]
    return LabelledGraphs(graphs, table.metrics["acc"])


def cells():
    """Return NB-201 networks with the benchmark's accuracies, and their isomorphism classes."""
    table = pandas.read_parquet(registry.find("nasbench201", "accuracy.parquet"))
    table = table.sample(CELLS, random_state=0)
    graphs = [nb201.build(one) for one in table.arch_str]
    labels = table.cifar10_test_acc_200.to_numpy() / 100
    return LabelledGraphs(graphs, labels), [str(one) for one in table.isomorph_index]


def digits(family):
    """Return the networks with digits labels."""
    path = RESULTS.parent.parent / "labels" / "digits" / f"{family}.parquet"
    values = mean_values(read_labels(path))
    space = FAMILIES[family]
    graphs = [one for one in space.sample(320, 0, space.REDUCED) if one.hash in values]
    return LabelledGraphs(graphs, [values[one.hash] for one in graphs])


def view():
    """Return what it takes to build the view of 3,000 networks of each family."""
    found = {}
    for family in OFA:
        architectures = block_table(family).architectures
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
    return found


def run(data, seed, layer="gatv2", twins=None, **changes):
    """Train one predictor; return it with what was measured."""
    settings = BlockTraining(seed=seed, **changes)
    started = time.process_time()
    predictor = OperatorPredictor.fit(data, "accuracy", settings, OperatorShape(layer), twins=twins)
    found = predictor.card.metrics
    return predictor, {
        "layer": layer,
        "seed": seed,
        "epochs": settings.epochs,
        "networks": len(data.graphs),
        "test_networks": found["networks"],
        "cpu_s": round(time.process_time() - started, 1),
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


def predictors():
    """Yield the quality of predictors of every kind of network, one kind after the other."""
    for family in OFA:
        data = ofa(family)
        trained, rows = zip(*(run(data, seed, epochs=EPOCHS) for seed in SEEDS), strict=True)
        rows += (run(data, 0, "graphconv", epochs=EPOCHS)[1],)
        yield family, rows, block_effects(family, trained)
    data, twins = cells()
    rows = [run(data, seed, twins=twins, epochs=EPOCHS)[1] for seed in SEEDS]
    yield "nb201 benchmark", rows, None
    for family in DIGITS:
        data = digits(family)
        yield f"{family} digits", [run(data, seed, **FEW)[1] for seed in SEEDS], None


def segments():
    """Return the fronts of searches that draw segments uniformly, and by importance."""
    data = {family: digits(family) for family in DIGITS}
    mined = [graph for one in data.values() for graph in one.graphs]
    vocabulary = train_vocabulary(mined, size=600)
    tokeniser = Tokeniser(vocabulary)
    database = build_database(mined, tokeniser)
    found = {"topologies": database.n_topologies, "instances": database.n_instances}
    found["families"] = {
        family: compare(family, data[family], vocabulary, database) for family in SEARCHED
    }
    return found


def compare(family, data, vocabulary, database):
    """Return hypervolumes of both kinds of search from the family's median network."""
    labels = np.asarray(data.labels)
    order = np.random.default_rng(0).permutation(len(labels))
    train, dev = (
        LabelledGraphs([data.graphs[i] for i in some], labels[some])
        for some in (order[:-40], order[-40:])
    )
    judge = GNN()
    judge.fit(train, dev, TrainingSettings(epochs=40, batch_size=32))
    rankings = [
        OperatorPredictor.fit(data, "accuracy", BlockTraining(seed=seed, **FEW)).rank_segments(
            database
        )
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


def main():
    for part in sys.argv[1:] or ("view", "predictors", "segments"):
        if part == "predictors":
            for name, rows, importance in predictors():
                keep(part, **{name: rows})
                if importance:
                    keep("importance_of_blocks", **{name: importance})
        else:
            keep(part, **{"view": view, "segments": segments}[part]())


if __name__ == "__main__":
    main()
