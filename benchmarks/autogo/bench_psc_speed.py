"""Speed of the PSC predictor: scoring triples in the search, training on NB-201 instances.

    python -m benchmarks.autogo.bench_psc_speed [--graphs 256]

Needs the datasets autogo_cgs, autogo_vocab and autogo_models. Times are processor times of one
thread, so that other work on the machine does not count. The plain encoder (P, S and C encoded
apart, no sharing of nodes) is timed on the same work for comparison.
"""

import argparse
import time
from dataclasses import replace

from benchmarks.recording import at_scale, figures, one_thread, published, record, table

one_thread()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.predict import (  # noqa: E402
    PSC,
    LabelledGraphs,
    PscScorer,
    TrainingSettings,
    load_predictor,
)
from archloom.predict.gnn.network import N_LAYERS  # noqa: E402
from archloom.predict.nodes.classes import Classes, ClassStore  # noqa: E402
from archloom.predict.nodes.pooling import part_means  # noqa: E402
from archloom.predict.nodes.union import cut, flatten  # noqa: E402
from archloom.segments.tokeniser import Tokeniser  # noqa: E402
from archloom.segments.vocabulary import Vocabulary  # noqa: E402
from archloom.spaces import nb201  # noqa: E402
from archloom.views.features import Normalisers  # noqa: E402
from archloom.views.instances import group_instances  # noqa: E402

ROUNDS = at_scale(10, 1)


def cpu_ms(call, rounds=ROUNDS):
    """Return the median processor time of a call in milliseconds, after one call to warm up."""
    call()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def scoring(name, tokeniser, psc):
    """Time the scorer on the first ten sources and a hundred segments of one released graph."""
    graph = published(name)
    cuts = tokeniser.segment(graph)
    rows = group_instances(cuts.starts)[1:11]
    pieces = [cuts.group(k) for k in range(cuts.n_groups)]
    segments = [graph.subgraph(piece) for piece in pieces if len(piece) > 1]
    segments = (segments * (1 + 100 // len(segments)))[:100]
    sources = [tuple(row) for row in rows.tolist()]
    encode = cpu_ms(lambda: PscScorer(psc, graph, cuts.order, sources))
    scorer = PscScorer(psc, graph, cuts.order, sources)
    score = cpu_ms(lambda: [scorer.score(k, segments) for k in range(len(sources))])
    embeddings = psc.segment_embeddings(segments)
    known = cpu_ms(lambda: [scorer.score_embeddings(k, embeddings) for k in range(len(sources))])
    triples = len(sources) * len(segments)
    return {
        "sources": len(sources),
        "candidates_per_source": len(segments),
        "mean_candidate_nodes": float(np.mean([segment.n_nodes for segment in segments])),
        "parent_ms": encode,
        "per_triple_ms": (encode + score) / triples,
        "per_triple_ms_embedded_before": (encode + known) / triples,
    }


def nb201_graphs(n, seed=0):
    """Return networks of random cells without ``none``."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(nb201.OPERATIONS[1:], size=(n, 6))
    return [nb201.build(nb201.format_cell(cell.tolist()), variant="upstream") for cell in cells]


def training(graphs, tokeniser):
    """Return milliseconds per instance and epoch, and of laying the instances out, once."""
    data = LabelledGraphs(graphs, np.random.default_rng(0).uniform(0.8, 0.95, len(graphs)))
    dev = LabelledGraphs(graphs[:2], data.labels[:2])
    segment = tokeniser.segment
    instances = PSC(segment=segment).index(ClassStore(N_LAYERS), graphs)
    report = {"graphs": len(graphs), "instances_per_graph": len(instances) / len(graphs)}
    settings = TrainingSettings(epochs=3, learning_rate=1e-3, instance_fraction=1.0)
    for title, changes in {
        "default": {},
        "all of a graph at once": {"batch_size": 4096, "instances_per_graph": 1000},
        "16 per graph and epoch": {
            "batch_size": 1024,
            "instances_per_graph": 16,
            "instance_fraction": 16 * len(graphs) / len(instances),
        },
    }.items():
        marks = []
        chosen = replace(settings, **changes)
        start = time.process_time()
        PSC(segment=segment).fit(
            data, dev, chosen, on_epoch=lambda _, at=marks: at.append(time.process_time())
        )
        per_epoch = len(instances) * chosen.instance_fraction
        report[title] = {
            "batch_size": chosen.batch_size,
            "instances_per_epoch": round(per_epoch),
            "ms_per_instance_and_epoch": 1000 * (marks[2] - marks[0]) / 2 / per_epoch,
            "first_epoch_and_layout_s": marks[0] - start,
        }
    return report


def plain_training(graphs, tokeniser):
    """Return milliseconds per instance of forward and backward with the plain encoder."""
    psc = PSC()
    cuts = [tokeniser.segment(graph) for graph in graphs]
    flat = flatten(graphs, [each.order for each in cuts])
    bounds = []
    for first, last, each in zip(flat.node_ptr[:-1], flat.node_ptr[1:], cuts, strict=True):
        for start, end in first + group_instances(each.starts)[::8]:
            bounds += [(first, start), (start, end), (end, last)]
    starts, stops = np.array(bounds).T

    def step():
        union = cut(flat, starts, stops - starts, bridge=True)
        nodes = psc.network.encode(Classes.unshared(flat, union, N_LAYERS), Normalisers())
        means = part_means(nodes, np.arange(len(nodes)), union.part_ptr)
        scores = psc.network.head()(means.reshape(-1, psc.network.width))
        torch.mean(scores**2).backward()

    return {
        "instances_per_step": len(bounds) // 3,
        "ms_per_instance": cpu_ms(step, rounds=3) / (len(bounds) / 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--graphs", type=int, default=at_scale(256, 8), help="NB-201 networks to train on"
    )
    arguments = parser.parse_args()
    folder = registry.find("autogo_vocab", "encoder.json").parent
    tokeniser = Tokeniser(Vocabulary.from_published(folder))
    psc = load_predictor(registry.find("autogo_models", "psc.safetensors"))
    graphs = nb201_graphs(arguments.graphs)
    record(
        "psc_speed",
        {
            "scoring": {
                name: scoring(name, tokeniser, psc) for name in ("nb201_best", "hiaml_best")
            },
            "training": training(graphs, tokeniser),
            "training, plain encoder": plain_training(graphs[:8], tokeniser),
        },
        seeds=[0],
        note="Processor time of one thread. Reference: 2.2 ms per triple, 1.25 ms per NB-201 "
        "instance and epoch.",
    )


def section() -> str:
    """Return what scoring and training cost, behind the quality of the predictors."""
    speed = figures("psc_speed")
    costs = [
        [f"score of a triple, {name}, ms", f"{one['per_triple_ms']:.3f}", "2.2"]
        for name, one in speed["scoring"].items()
    ]
    costs += [
        [f"training, {name}, ms", f"{one['ms_per_instance_and_epoch']:.3f}", "1.25"]
        for name, one in speed["training"].items()
        if isinstance(one, dict)
    ]
    return "Speed on one core, processor time; training per NB-201 instance and epoch:\n\n" + table(
        ["what", "ours", "reference"], costs
    )


if __name__ == "__main__":
    main()
