"""What the reference's worst bug costs: the same search with scores given to shuffled children.

    python -m benchmarks.autogo.bench_score_order

The reference returns predictions in the order of its shuffled batches, so candidates get each
other's scores (AutoGO spec 8.1, B1). Here the same search runs with and without such a shuffle;
both fronts are then re-scored honestly, graph by graph, and drawn in one figure. The shuffle also
reaches the accept test here; the reference re-scores there one by one, so its real loss is smaller:
only its Pareto coordinates, parents and choice of replacements are wrong.
Needs the datasets autogo_cgs, autogo_vocab and autogo_models.
"""

from benchmarks.recording import (
    RESULTS,
    at_scale,
    figures,
    one_thread,
    published,
    record,
    shipped_graphs,
    table,
)

one_thread()

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.predict import load_predictor  # noqa: E402
from archloom.search.graphs.evolution import evolve  # noqa: E402
from archloom.search.graphs.mutation import Mutator  # noqa: E402
from archloom.search.graphs.scoring import GnnScoring  # noqa: E402
from archloom.search.graphs.settings import SearchSettings  # noqa: E402
from archloom.segments.database import build_database  # noqa: E402
from archloom.segments.tokeniser import Tokeniser  # noqa: E402
from archloom.segments.vocabulary import Vocabulary  # noqa: E402
from archloom.spaces import FAMILIES  # noqa: E402

SEEDS = at_scale([0, 1, 2], [0])
FAMILY = "hiaml"


class ShuffledScoring(GnnScoring):
    """The GNN's scores, handed to the wrong children as the reference does."""

    def open(self, parent, order, regions):
        """Return a rating whose answers are shuffled."""
        return _Shuffled(self.predictor)


class _Shuffled:
    def __init__(self, predictor):
        self.predictor = predictor

    def preference(self, region, topologies):
        return None

    def scores(self, proposals):
        scores = self.predictor.predict([proposal.child for proposal in proposals])
        return np.random.default_rng(len(scores)).permutation(scores)


def main() -> None:
    """Search both ways, re-score honestly, compare and draw."""
    graph = published(f"{FAMILY}_best")
    tokeniser = Tokeniser(
        Vocabulary.from_published(registry.find("autogo_vocab", "encoder.json").parent)
    )
    family = FAMILIES[FAMILY]
    database = build_database(
        [*shipped_graphs(), *family.sample(at_scale(120, 10), 0, family.FULL, "upstream")],
        tokeniser,
    )
    predictor = load_predictor(registry.find("autogo_models", "gnn.safetensors"))
    settings = SearchSettings(family=FAMILY, iterations=at_scale(4, 1), top_k=5)
    figures, points = {}, {}
    for label, kind in (("shuffled", ShuffledScoring), ("ours", GnnScoring)):
        rows = []
        for seed in SEEDS:
            result = evolve(
                graph, Mutator(database, tokeniser, kind(predictor), settings), seed=seed
            )
            honest = predictor.predict([member.graph for member in result.members])
            cost = np.array([member.flops for member in result.members], dtype=float)
            claimed = np.array([member.score for member in result.members])
            points.setdefault(label, []).append((cost, honest))
            rows.append(
                {
                    "seed": seed,
                    "members": len(result.members),
                    "claimed_best": float(claimed.max()),
                    "honest_best": float(honest.max()),
                    "mean_claimed_minus_honest": float((claimed - honest).mean()),
                    "members_honestly_above_the_input": int((honest > result.score).sum()),
                }
            )
        figures[label] = rows
    _draw(points, result.score, result.flops)
    record(
        "score_order",
        figures,
        seeds=SEEDS,
        note=f"{FAMILY}_best, published GNN checkpoint, 4 iterations",
    )


def _draw(points: dict, base_score: float, base_flops: int) -> None:
    plt.rcParams["svg.hashsalt"] = "archloom"
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    styles = {
        "shuffled": ("#d55e00", "x", "scores of shuffled children"),
        "ours": ("#0072b2", "o", "ours"),
    }
    for label, runs in points.items():
        colour, marker, words = styles[label]
        for number, (cost, honest) in enumerate(runs):
            text = words if number == 0 else None
            axes.scatter(cost / 1e6, honest, c=colour, marker=marker, s=28, alpha=0.75, label=text)
    axes.scatter(
        [base_flops / 1e6], [base_score], marker="*", s=160, c="#111", label="input", zorder=3
    )
    axes.set_xlabel("MFLOPs")
    axes.set_ylabel("score of the front, re-scored one by one")
    axes.set_title("The same search with scores of shuffled and of the right children (3 seeds)")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    for suffix in ("svg", "png"):
        metadata = {"Date": None} if suffix == "svg" else None
        figure.savefig(RESULTS / f"score_order.{suffix}", dpi=150, metadata=metadata)


def section() -> str:
    """Return what wrongly assigned scores cost."""
    rows = [
        [
            {"ours": "ours", "shuffled": "scores of shuffled children"}[label],
            ", ".join(f"{run['honest_best']:.4f}" for run in runs),
            ", ".join(
                f"{run['members_honestly_above_the_input']}/{run['members']}" for run in runs
            ),
        ]
        for label, runs in figures("score_order").items()
    ]
    head = ["search", "best score, re-scored", "front members above the input"]
    return (
        "## Scores for the right children\n\nThe reference returned predictions in the order of "
        "shuffled batches. The same search from hiaml_best with and without such a shuffle, fronts "
        "re-scored one by one, three seeds. (The reference re-scores at its accept test, so its "
        "loss is smaller.)\n\n"
        + table(head, rows)
        + "\n\n![fronts of both searches](../benchmarks/results/score_order.svg)"
    )


if __name__ == "__main__":
    main()
