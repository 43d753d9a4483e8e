"""A finished AutoGO run made up on the spot: small graphs, no search, no training."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from archloom.config import Config
from archloom.data.labels import Label, write_labels
from archloom.graph import Graph, GraphBuilder, flops
from archloom.io import write
from archloom.io.store import write_store
from archloom.report.autogo.folder import AutogoFiles
from archloom.segments.vocabulary import Vocabulary
from archloom.views.labels import Encoding


def deep_network(kernels: tuple[int, ...], name: str = "deep", blocks: int = 42) -> Graph:
    """A residual network of 299 nodes whose blocks take the kernels in turn."""
    builder = GraphBuilder(name=name, family="nb201")
    node = builder.conv(builder.input(32, 32, 3), 16, 3)
    for block in range(blocks):
        inner = builder.conv(node, 16, kernels[block % len(kernels)])
        inner = builder.unary("relu", builder.unary("batchnorm", inner))
        inner = builder.unary("batchnorm", builder.conv(inner, 16, 3))
        node = builder.unary("relu", builder.add([node, inner]))
    builder.output(builder.matmul(builder.unary("mean", node), 10))
    return builder.build()


def network(kernels: tuple[int, ...], name: str = "toy") -> Graph:
    """A plain network with one convolution per kernel."""
    builder = GraphBuilder(name=name, family="nb201")
    node = builder.input(8, 8, 1)
    for kernel in kernels:
        node = builder.unary("relu", builder.unary("batchnorm", builder.conv(node, 8, kernel)))
    builder.output(builder.matmul(builder.unary("mean", node), 10))
    return builder.build()


@dataclass
class Run:
    """Files of a run, its settings as JSON values, its graphs (input first)."""

    files: AutogoFiles
    config: dict
    graphs: list[Graph]
    folder: Path

    def change_stats(self, **changes) -> None:
        document = json.loads(self.files.stats.read_text())
        document.update(changes)
        self.files.stats.write_text(json.dumps(document))


def make_run(
    folder: Path,
    n_winners: int = 3,
    accuracies: list[list[float]] | None = None,
    visited: int = 200,
    build: Callable[..., Graph] = network,
) -> Run:
    """Write a run; ``accuracies`` are those of the input and the first winners, one per seed.

    build : network of a tuple of kernels and a name
    """
    folder.mkdir(parents=True, exist_ok=True)
    parent = build((5, 5, 5, 3))
    variants = [(5, 5, 3, 3), (5, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 1), (3, 1, 3, 1), (1, 1, 1, 1)]
    while len(variants) < n_winners:
        variants.append((*variants[len(variants) - 6], 1))
    winners = [build(variants[i], f"toy-rank-{i + 1}") for i in range(n_winners)]
    graphs = [parent, *winners]
    files = AutogoFiles(
        *(folder / name for name in ("graph.json", "vocabulary.json", "front.parquet")),
        *(folder / name for name in ("visited.parquet", "stats.json", "card.json")),
        labels=[folder / "labels.parquet"] if accuracies else [],
    )
    write(parent, files.graph)
    write_store(winners, files.front)
    Vocabulary(Encoding(), ("a", "b"), ((1, 2),)).save(files.vocabulary)
    files.card.write_text(json.dumps({"metrics": {"test": {"nb201": {"srcc": 0.91}}}}))
    files.stats.write_text(json.dumps(_stats(graphs)))
    _write_visited(files.visited, graphs, visited)
    if accuracies:
        labels = [
            Label(graph.hash, "accuracy", "measured", "r", seed, value, "fraction", graph.name, "")
            for graph, values in zip(graphs, accuracies, strict=False)
            for seed, value in enumerate(values)
        ]
        write_labels(labels, files.labels[0])
    return Run(files, Config().model_dump(mode="json"), graphs, folder)


def _stats(graphs: list[Graph]) -> dict:
    base, base_flops = 0.9, flops(graphs[0])
    propagation = {"calls": 500, "hits": 380, "outcomes": {"optimal": 410, "infeasible": 90}}
    members = [
        {
            "rank": rank,
            "hash": graph.hash,
            "values": {"score": 0.95 - 0.01 * rank, "flops": flops(graph)},
            "changes": {
                "score": 100 * (0.95 - 0.01 * rank - base) / base,
                "flops": 100 * (flops(graph) - base_flops) / base_flops,
            },
            "latency": None,
            "range": None,
            "iteration": 1 + rank % 3,
            "parent": graphs[0].hash,
            "nodes": graph.n_nodes,
            "delta_nodes": graph.n_nodes - graphs[0].n_nodes,
            "steps": [{"iteration": 1, "source_ops": "conv relu", "replacement_ops": "conv"}],
        }
        for rank, graph in enumerate(graphs[1:], start=1)
    ]
    values = {"score": base, "flops": base_flops}
    baseline = {"values": values, "hash": graphs[0].hash, "nodes": 15, "range": None}
    return {
        "format": "archloom-search-stats/2",
        "iterations": [
            {
                "iteration": number,
                "parents": 10 if number else 0,
                "children": 400,
                "unique": 60 * bool(number),
                "accepted": 40 * bool(number) + 1,
                "rejected": {"shapes do not fit": 30},
                "propagation": {**propagation, "seconds": 0.05},
                "seconds": 1.5 + number,
            }
            for number in range(4)
        ],
        "rejected": {"shapes do not fit": 120, "same child twice": 900, "FLOPs out of range": 45},
        "propagation": {**propagation, "seconds": 0.2},
        "visited": 200,
        "seconds": 12.5,
        "settings": {
            "unit": "segment",
            "family": "nb201",
            "iterations": 3,
            "top_k": 10,
        },
        "seed": 0,
        "stopped": "iterations",
        "front": {
            "format": "archloom-front/2",
            "model": "toy",
            "figures": [
                {"name": "score", "unit": "", "direction": "maximise"},
                {"name": "flops", "unit": "", "direction": "minimise"},
            ],
            "objectives": ["score", "flops"],
            "constraints": ["score>0%", "flops<0%", "flops>-20%"],
            "baseline": baseline,
            "members": members,
        },
    }


def _write_visited(path: Path, graphs: list[Graph], count: int) -> None:
    rng = np.random.default_rng(0)
    cost = flops(graphs[0]) * rng.uniform(0.3, 1.0, count)
    score = 0.93 - 0.1 * rng.random(count)
    table = {
        "hash": [f"{i:032x}" for i in range(count)],
        "score": score,
        "flops": cost.astype(np.int64),
        "iteration": rng.integers(1, 4, count).astype(np.int32),
        "accepted": rng.random(count) < 0.7,
    }
    pq.write_table(pa.table(table), path)


BETTER = [[0.950, 0.952, 0.951], [0.970, 0.972, 0.971], [0.951, 0.950, 0.953]]
WITHIN_NOISE = [[0.950, 0.960, 0.940], [0.955, 0.945, 0.962], [0.948, 0.957, 0.951]]
