"""Time of segmentation: tokenising, the segment database and the P/S/C index; goldens counted.

    python -m benchmarks.autogo.bench_segmentation [--rounds 20] [--nb201 120]

Needs the datasets autogo_cgs, autogo_vocab and autogo_models (config/datasets.yaml). Every
tokenising call gets a fresh graph, so that nothing derived is reused. Times are processor time of
one thread.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from archloom.data import registry
from archloom.io.reference.cg_json import from_cg_json
from archloom.segments import (
    Tokeniser,
    Vocabulary,
    build_database,
    psc_ranges,
    read_database,
    train_vocabulary,
    write_database,
    write_psc_index,
)
from archloom.spaces import nb201
from benchmarks.recording import at_scale, figures, record


def seconds(call, *arguments, **options):
    """Return the processor time and the result of one call."""
    start = time.process_time()
    result = call(*arguments, **options)
    return time.process_time() - start, result


def fresh(graph):
    """Return the graph without anything derived."""
    return replace(graph)


def goldens(tokeniser, graphs, folder):
    """Return how many of the published segmentations and instance lists are reproduced."""
    text = (folder / "autogo_vocab/golden_segmentation.json").read_text()
    segmentation = json.loads(text)
    text = (folder / "autogo_models/golden_predictions.json").read_text()
    instances = json.loads(text)["graphs"]
    kept = set(segmentation["sparse_kept_piece_ids"])
    disabled = np.array([k + 3 not in kept for k in range(len(tokeniser.vocabulary.merges))])
    counts = {"graphs": len(segmentation["graphs"]), "full": 0, "sparse": 0, "instances": 0}
    for name, golden in segmentation["graphs"].items():
        full = tokeniser.segment(graphs[name])
        sparse = tokeniser.segment(graphs[name], disabled=disabled)
        counts["full"] += full.lengths.tolist() == golden["piece_lengths"]
        counts["sparse"] += sparse.lengths.tolist() == golden["sparse_piece_lengths"]
        group, start, end = psc_ranges(full)
        found = zip(group.tolist(), start.tolist(), (end - start).tolist(), strict=True)
        wanted = [(row["k"], row["n_P"], row["n_S"]) for row in instances[name]["psc"]]
        counts["instances"] += list(found) == wanted
    return counts


def tokenising(tokeniser, graphs, rounds):
    """Return milliseconds per graph, full and with half of the merges."""
    rng = np.random.default_rng(0)
    nodes = float(np.mean([graph.n_nodes for graph in graphs]))
    result = {"graphs": len(graphs), "mean_nodes": round(nodes, 1)}
    for name, options in (("full_ms", ()), ("sparse_ms", (0.5, rng))):
        per_graph = [
            median(seconds(tokeniser.segment, fresh(graph), *options)[0] for _ in range(rounds))
            for graph in graphs
        ]
        result[name] = round(1e3 * float(np.mean(per_graph)), 4)
    return result


def database(tokeniser, graphs):
    """Return sizes and times of building, saving, loading and first looking up a database."""
    graphs = [fresh(graph) for graph in graphs]
    built, base = seconds(build_database, graphs, tokeniser)
    with tempfile.TemporaryDirectory() as folder:
        saved, _ = seconds(write_database, base, folder)
        loaded, again = seconds(read_database, folder)
        indexed, _ = seconds(write_psc_index, graphs, tokeniser, Path(folder) / "index.parquet")
    looked_up, _ = seconds(again.exact, (), ())
    return {
        "graphs": len(graphs),
        "topologies": base.n_topologies,
        "segment_topologies": sum(entry.unit == "segment" for entry in base.topologies),
        "instances": base.n_instances,
        "build_s": round(built, 3),
        "save_s": round(saved, 3),
        "load_s": round(loaded, 3),
        "first_lookup_s": round(looked_up, 3),
        "psc_index_s": round(indexed, 3),
    }


def main():
    """Run, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=at_scale(20, 1), help="tokenising calls per graph"
    )
    parser.add_argument(
        "--nb201", type=int, default=at_scale(120, 12), help="NB-201 graphs of the large base"
    )
    options = parser.parse_args()
    folder = registry.find("autogo_vocab", "encoder.json").parent.parent
    shipped = {
        path.stem: from_cg_json(json.loads(path.read_text()))
        for path in sorted((folder / "autogo_cgs").glob("*.json"))
    }
    family = nb201.sample(options.nb201, seed=0)
    tokeniser = Tokeniser(Vocabulary.from_published(folder / "autogo_vocab"))
    train_s, trained = seconds(train_vocabulary, family, size=500)
    result = {
        "goldens": goldens(tokeniser, shipped, folder),
        "tokenising_shipped": tokenising(tokeniser, list(shipped.values()), options.rounds),
        "database_shipped": database(tokeniser, shipped.values()),
        "database_shipped_and_nb201": database(tokeniser, [*shipped.values(), *family]),
        "training_nb201": {
            "labels": trained.n_symbols,
            "merges": len(trained.merges),
            "train_s": round(train_s, 3),
        },
    }
    record("segmentation", result)


def agreement() -> list[list[str]]:
    """Return rows of what agrees with the published artefacts."""
    cut = figures("segmentation")["goldens"]
    return [
        [f"segmentation, {kind} vocabulary", f"{cut[kind]} of {cut['graphs']} graphs"]
        for kind in ("full", "sparse")
    ]


if __name__ == "__main__":
    main()
