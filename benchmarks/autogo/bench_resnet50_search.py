"""Search on the published resnet50 (224 x 224) with the published PSC checkpoint, one core.

    python -m benchmarks.autogo.bench_resnet50_search

Times one mutation round of one parent (10 regions x 100 replacements, the input as parent, five
seeds; the paper states 108 s), then runs the default search and says how many of the parameters
each member of the front takes over from the input.
Needs the datasets autogo_cgs, autogo_vocab and autogo_models.
"""

import time

from benchmarks.recording import (
    at_scale,
    figures,
    one_thread,
    published,
    published_artefacts,
    record,
    table,
)

one_thread()

import numpy as np  # noqa: E402

from archloom.execute.module import to_torch  # noqa: E402
from archloom.search.graphs.evolution import ID_BLOCK  # noqa: E402
from archloom.search.graphs.optimise import optimise  # noqa: E402
from archloom.search.graphs.settings import SearchSettings  # noqa: E402
from archloom.search.graphs.transfer import transfer  # noqa: E402
from archloom.search.loop import stream  # noqa: E402

PAPER_SECONDS = 108
SETTINGS = at_scale(
    SearchSettings(family="generic_noDW"),
    SearchSettings(family="generic_noDW", iterations=1, max_sources=4, max_targets=12),
)
SEEDS = at_scale([0, 1, 2, 3, 4], [0])


def main() -> None:
    """Measure and record."""
    begun = time.perf_counter()
    artefacts, graph = published_artefacts(), published("resnet50")
    prepared = time.perf_counter() - begun
    rounds, children = [], []
    for seed in SEEDS:
        mutator = artefacts.mutator(SETTINGS)  # a new one: nothing is remembered between rounds
        begun = time.perf_counter()
        mutator.baseline(graph, stream(seed, 0, graph.hash))
        brood = mutator(graph, stream(seed, 1, graph.hash), ID_BLOCK)
        rounds.append(time.perf_counter() - begun)
        children.append(len(brood.hashes))
    begun = time.perf_counter()
    result = optimise(graph, artefacts, SETTINGS)
    seconds = time.perf_counter() - begun
    weights = to_torch(graph).weights()
    coverage = [transfer(weights, member.graph).coverage for member in result]
    parents = sum(entry["parents"] for entry in result.statistics)
    record(
        "resnet50_search",
        {
            "nodes": graph.n_nodes,
            "prepare_seconds": round(prepared, 1),
            "round_seconds": [round(one, 3) for one in rounds],
            "round_seconds_median": round(float(np.median(rounds)), 3),
            "children_per_round": children,
            "paper_seconds": PAPER_SECONDS,
            "search": {
                "iterations": SETTINGS.iterations,
                "top_k": SETTINGS.top_k,
                "seconds": round(seconds, 1),
                "seconds_per_parent": round(seconds / parents, 3),
                "visited": len(result.visited),
                "front": len(result),
            },
            "coverage": {
                "winner": round(coverage[0], 4),
                "least": round(min(coverage), 4),
                "median": round(float(np.median(coverage)), 4),
                "members_of_at_least_80_percent": sum(one >= 0.8 for one in coverage),
            },
            "front": [
                {
                    "score": round(member.score, 4),
                    "flops_change_percent": round(100 * (member.flops / result.flops - 1), 2),
                    "coverage": round(one, 4),
                    "steps": len(member.steps),
                }
                for member, one in zip(result, coverage, strict=True)
            ],
            "input_score": round(result.score, 4),
            "input_range": result.place.words,
        },
        seeds=SEEDS,
        note="one process, one thread; a round includes the score of the input",
    )


def section() -> str:
    """Return speed of a search on a network for ImageNet-sized pictures, and the weights kept."""
    large = figures("resnet50_search")
    rows = [
        ["one mutation round of one parent, s", large["round_seconds_median"]],
        ["the same, published, s", large["paper_seconds"]],
        [
            "children per round",
            f"{min(large['children_per_round'])} to {max(large['children_per_round'])}",
        ],
        [f"search of {large['search']['iterations']} iterations, s", large["search"]["seconds"]],
        ["graphs scored in it", f"{large['search']['visited']:,}"],
        ["parameters that the winner keeps", f"{100 * large['coverage']['winner']:.1f} %"],
        ["least of the front", f"{100 * large['coverage']['least']:.1f} %"],
    ]
    return (
        "## Networks of ImageNet size, one core\n\nPublished resnet50 (224 x 224), vocabulary and "
        "PSC checkpoint, operations of generic_noDW.\n\n" + table(["resnet50", "figure"], rows)
    )


if __name__ == "__main__":
    main()
