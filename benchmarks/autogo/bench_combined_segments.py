"""Vocabulary, segment database and P/S/C index of the five families of the AutoGO paper.

    python -m benchmarks.autogo.bench_combined_segments [--share 1.0]

Needs the dataset autogo_vocab for the comparison with the published vocabulary. About 21,000
networks are generated; each measured step runs in a process of its own on one core. Compared are:
our graphs with the published label encoding (``config/combined.yaml``), our graphs with sorted
neighbours (our default), our graphs in the form that the reference's caches have, and the same with
all 15,625 NB-201 cells in the corpus of the vocabulary.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, repeat
from multiprocessing import get_context
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.drawing.palette import BLUE, GREY  # noqa: E402
from archloom.io.store import GraphStore, write_store  # noqa: E402
from archloom.segments import (  # noqa: E402
    Tokeniser,
    Vocabulary,
    build_database,
    read_psc_index,
    train_vocabulary,
    write_database,
    write_psc_index,
)
from archloom.segments.statistics import statistics  # noqa: E402
from archloom.spaces import FAMILIES  # noqa: E402
from archloom.spaces.caches import NO_NODES, in_cache_form  # noqa: E402
from archloom.views.labels import Encoding  # noqa: E402
from benchmarks.recording import RESULTS, at_scale, figures, record, table  # noqa: E402

NETWORKS = {"hiaml": 4629, "inception": 580, "nb101": 5000, "nb201": 4096, "two_path": 6900}
PAPER_INSTANCES = {
    "hiaml": 65_100,
    "inception": 222_400,
    "nb101": 404_900,
    "nb201": 252_800,
    "two_path": 193_100,
}
"""Table 7 of the paper."""

SHORT = {"fusedbatchnorm": "bn", "conv2d": "conv"}


def apart(call, *arguments):
    """Return the figures of one call in a process of its own: seconds, peak memory; its result."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, call, arguments).result()


def _measured(call, arguments):
    wall, processor = time.perf_counter(), time.process_time()
    result = call(*arguments)
    figures = {
        "wall_s": round(time.perf_counter() - wall, 2),
        "cpu_s": round(time.process_time() - processor, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    return figures, result


def generate(family, count, path):
    """Write the networks of a family as the workflow does."""
    space = FAMILIES[family]
    write_store(space.sample(count, 0, space.FULL, "upstream"), path)


def write_in_cache_form(source, path):
    """Write the networks of a store in the form of the reference's caches."""
    write_store(map(in_cache_form, GraphStore(source)), path)


def mine(stores, sorted_neighbours, folder):
    """Train the vocabulary and build the segment database of ``stores``; return the seconds."""
    marks = [time.perf_counter()]
    encoding = Encoding("shp", sorted_neighbours)
    graphs = chain.from_iterable(GraphStore(path) for path in stores)
    vocabulary = train_vocabulary(graphs, size=2000, encoding=encoding)
    vocabulary.save(folder / "vocabulary.json")
    marks.append(time.perf_counter())
    return _database(stores, Tokeniser(vocabulary), folder, marks)


def cut_with_published(stores, vocabulary, folder):
    """Build the segment database of ``stores`` with the published vocabulary."""
    vocabulary = Vocabulary.from_published(vocabulary)
    return _database(stores, Tokeniser(vocabulary), folder, [time.perf_counter()])


def _database(stores, tokeniser, folder, marks):
    graphs = chain.from_iterable(GraphStore(path) for path in stores)
    database = build_database(graphs, tokeniser)
    marks.append(time.perf_counter())
    write_database(database, folder)
    marks.append(time.perf_counter())
    steps = ("vocabulary_s", "database_s", "writing_s")[4 - len(marks) :]
    return statistics(database), dict(zip(steps, np.diff(marks).round(2).tolist(), strict=True))


def train_with_all_cells(stores, path):
    """Train a vocabulary on ``stores`` as if all 15,625 cells of NB-201 were there.

    In the reference's caches ``none`` is passed through like a skip, so that a cell with k skips
    stands for 2^k cells.
    """

    def graphs():
        for graph in chain.from_iterable(GraphStore(store) for store in stores):
            copies = 2 ** graph.name.count("skip_connect") if graph.family == "nb201" else 1
            yield from repeat(graph, copies)

    train_vocabulary(graphs(), size=2000, encoding=Encoding("shp", False)).save(path)


def index(store, vocabulary, path):
    """Write the P/S/C index of a store; return the number of instances."""
    return write_psc_index(GraphStore(store), Tokeniser(Vocabulary.load(vocabulary)), path)


def indexed(stores, vocabulary, folder):
    """Return time, memory, size and numbers of instances of the indexes of all families."""
    figures, instances, size = [], {}, 0
    for family, store in stores.items():
        path = folder / f"{family}.index.parquet"
        cost, instances[family] = apart(index, store, vocabulary, path)
        figures.append(cost)
        size += path.stat().st_size
    read, indexes = (
        time.perf_counter(),
        [read_psc_index(folder / f"{family}.index.parquet") for family in stores],
    )
    return {
        "wall_s": round(sum(one["wall_s"] for one in figures), 2),
        "cpu_s": round(sum(one["cpu_s"] for one in figures), 2),
        "peak_mb": max(one["peak_mb"] for one in figures),
        "disk_mb": round(size / 1e6, 2),
        "read_s": round(time.perf_counter() - read, 2),
        "instances": instances,
        "all_instances": sum(map(len, indexes)),
    }


def described(vocabulary, published):
    """Return what a vocabulary is made of, and what it shares with the published one."""
    merges, theirs = spelled(vocabulary), spelled(published)
    by_op = Counter(label.split(",")[0] for label in vocabulary.labels)
    lengths = Counter(map(len, merges))
    return {
        "labels": vocabulary.n_symbols,
        "labels_by_op": dict(by_op.most_common()),
        "labels_shared": len(set(vocabulary.labels) & set(published.labels)),
        "merges": len(merges),
        "merges_shared": len(set(merges) & set(theirs)),
        "merge_lengths": {str(size): count for size, count in sorted(lengths.items())},
        "first_merges": [" ".join(map(_word, merge)) for merge in merges[:5]],
        "op_sequences": len({tuple(label.split(",")[0] for label in merge) for merge in merges}),
    }


def spelled(vocabulary):
    """Return the merges as tuples of labels, by rank."""
    return [tuple(vocabulary.labels[s - 1] for s in merge) for merge in vocabulary.merges]


def _word(label):
    """Return a label as people say it: bn, conv3x3."""
    name, *fields = label.partition(",in,")[0].split(",")
    word = SHORT.get(name, name)
    return f"{word}{fields[0]}x{fields[0]}" if fields and name != "matmul" else word


def draw(ours, published):
    """Draw how many merges have how many symbols."""
    plt.rcParams["svg.hashsalt"] = "archloom"
    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    sizes = np.arange(2, 17)
    for offset, (lengths, name, colour) in zip(
        (-0.2, 0.2),
        ((published, "published", GREY), (ours, "ours, as the published corpus", BLUE)),
        strict=True,
    ):
        counts = [lengths.get(str(size), 0) for size in sizes]
        axes.bar(sizes + offset, counts, 0.4, label=f"{name}: {sum(counts)}", color=colour)
    axes.set_xlabel("symbols in a merge")
    axes.set_ylabel("merges")
    axes.set_xticks(sizes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(RESULTS / "combined_merges.svg", metadata={"Date": None})


def main():
    """Run, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--share",
        type=float,
        default=at_scale(1.0, 0.002),
        help="share of the networks, for trials",
    )
    options = parser.parse_args()
    source = registry.find("autogo_vocab", "encoder.json").parent
    published = Vocabulary.from_published(source)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generated, stores = {}, {}
        for family, count in NETWORKS.items():
            stores[family] = folder / f"{family}.parquet"
            count = max(1, round(options.share * count))
            generated[family], _ = apart(generate, family, count, stores[family])
        as_in_caches = dict(stores)
        for family in NO_NODES:
            as_in_caches[family] = folder / f"{family}.caches.parquet"
            apart(write_in_cache_form, stores[family], as_in_caches[family])
        figures = {
            "networks": {family: len(GraphStore(path)) for family, path in stores.items()},
            "nodes": sum(graph.n_nodes for p in stores.values() for graph in GraphStore(p)),
            "load_at_start": round(load, 1),
            "generation_and_store": generated,
            "corpora": {},
        }
        for name, (paths, is_sorted) in {
            "published_encoding": (stores, False),
            "sorted_neighbours": (stores, True),
            "form_of_the_caches": (as_in_caches, False),
        }.items():
            cost, (counts, steps) = apart(mine, list(paths.values()), is_sorted, folder / name)
            vocabulary = Vocabulary.load(folder / name / "vocabulary.json")
            figures["corpora"][name] = {
                "cost": cost | steps,
                "vocabulary": described(vocabulary, published),
                "database": counts,
            }
        place = folder / "published_encoding"
        figures["index"] = indexed(stores, place / "vocabulary.json", place)
        path = folder / "all_cells.json"
        apart(train_with_all_cells, list(as_in_caches.values()), path)
        figures["all_nb201_cells"] = described(Vocabulary.load(path), published)
        place = folder / "published"
        _, (counts, _) = apart(cut_with_published, list(as_in_caches.values()), source, place)
        figures["published"] = {
            "vocabulary": described(published, published),
            "database_of_our_graphs": counts,
            "paper_instances": PAPER_INSTANCES,
        }
    draw(
        figures["all_nb201_cells"]["merge_lengths"],
        figures["published"]["vocabulary"]["merge_lengths"],
    )
    record("combined_segments", json.loads(json.dumps(figures)), seeds=[0])


def section() -> str:
    """Return cost and content of the vocabulary and segments of five families."""
    found = figures("combined_segments")
    corpora, published, index = found["corpora"], found["published"], found["index"]
    costs = [
        [
            f"vocabulary and database, {title}",
            f"{one['cost']['wall_s']:.0f}",
            f"{one['cost']['cpu_s']:.0f}",
            one["cost"]["peak_mb"],
            "",
        ]
        for title, one in (
            ("published encoding", corpora["published_encoding"]),
            ("sorted neighbours", corpora["sorted_neighbours"]),
        )
    ]
    size = f"{index['disk_mb']} MB on disk"
    costs.append(
        [f"P/S/C index, {index['all_instances']:,} instances"]
        + [f"{index['wall_s']:.0f}", f"{index['cpu_s']:.0f}", index["peak_mb"], size]
    )
    own = (corpora["published_encoding"], corpora["sorted_neighbours"])
    columns = [published["vocabulary"], found["all_nb201_cells"]]
    columns += [corpora["form_of_the_caches"]["vocabulary"], *(one["vocabulary"] for one in own)]
    rows = [
        [title, *(f"{one[key]:,}" for one in columns)]
        for title, key in (
            ("symbols", "labels"),
            ("of them published", "labels_shared"),
            ("merges", "merges"),
            ("of them published", "merges_shared"),
            ("distinct sequences of operations", "op_sequences"),
        )
    ]
    rows.append(["first merges", *("; ".join(one["first_merges"]) for one in columns)])
    head = ["", "published", "caches' form, all NB-201 cells", "caches' form"]
    head += ["our graphs, published encoding", "our graphs, sorted neighbours"]
    cut = published["database_of_our_graphs"]["segment"]
    kinds = [
        [
            title,
            one["topologies"],
            one["op_level"]["topologies"],
            f"{one['op_level']['mean_nodes']:.1f} / {one['op_level']['mean_edges']:.1f}",
            f"{one['instances']:,}",
        ]
        for title, one in (
            ("published vocabulary, our networks in the caches' form", cut),
            *((t, o["database"]["segment"]) for t, o in zip(head[-2:], own, strict=True)),
        )
    ]
    kinds.insert(0, ["paper", "", 428, "5 / 3", ""])
    counts = [
        [family, f"{found['networks'][family]:,}", f"{paper:,}", f"{cut['per_family'][family]:,}"]
        for family, paper in published["paper_instances"].items()
    ]
    total = sum(found["networks"].values())
    return (
        f"## Combined vocabulary\n\nFive families, {total:,} networks of "
        f"{found['nodes'] / 1e6:.1f} million nodes by our own generators, vocabulary of 2,000, one "
        f"core (load of the machine at the start: {found['load_at_start']}). The paper needed less "
        "than 20 minutes and about 10 GB for the first step. What the columns mean is on the "
        "[page on segments](segments.md).\n\n"
        + table(["step", "s", "CPU s", "peak MB", ""], costs)
        + "\n\n"
        + table(head, rows)
        + "\n\n![lengths of merges](../benchmarks/results/combined_merges.svg)\n\n"
        + table(
            ["segments", "topologies", "by operations and edges", "nodes / edges", "instances"],
            kinds,
        )
        + "\n\nInstances under the published vocabulary:\n\n"
        + table(["family", "networks", "paper", "ours"], counts)
    )


if __name__ == "__main__":
    main()
