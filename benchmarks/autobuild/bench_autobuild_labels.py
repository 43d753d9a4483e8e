"""AutoBuild on measured labels: its predictor and its ranking of units, against the whole truth
where a table is exhaustive, and against a regression on blocks.

    python -m benchmarks.autobuild.bench_autobuild_labels [PART ...]

Parts are nb_macro, fpga, ofa_accuracy, ofa_latency, nb201 and nb201_latency; the others keep what
was recorded. Trained predictors are kept, see kept.py, so that a broken-off part goes on.
Needs the datasets nasbench201, nasbench_macro, ofa_accuracy and ofa_latency.

Both learn from the same networks. Twins, networks that compute the same, are never parted between
training and test.
"""

from benchmarks.recording import RESULTS, at_scale, figures, one_thread, record, table

one_thread()

import json  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from itertools import product  # noqa: E402

import numpy as np  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from archloom.data import registry  # noqa: E402
from archloom.data.block_table import BlockLabels, read_block_table  # noqa: E402
from archloom.predict.blocks.task import BlockTraining  # noqa: E402
from archloom.predict.metrics import spearman  # noqa: E402
from archloom.spaces import FAMILIES  # noqa: E402
from archloom.views.block_space import block_space  # noqa: E402
from archloom.views.units import all_units  # noqa: E402
from benchmarks.autobuild import tabulated  # noqa: E402
from benchmarks.autobuild.regression import EPOCHS, SEEDS, Additive, over_seeds  # noqa: E402
from benchmarks.kept import block_predictor  # noqa: E402

GPUS = tuple(product(("2080ti", "titan_rtx", "titan_xp", "v100"), (1, 32, 64)))
"""GPU types and batch sizes."""
GPU_NETWORKS = at_scale(3000, 200)
FPGA_NETWORKS = at_scale(3000, 200)


def rounded(value, digits=3):
    """Return numbers in nested lists and mappings with so many digits behind the point."""
    if isinstance(value, dict):
        return {key: rounded(one, digits) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(one, digits) for one in value]
    return round(float(value), digits) if isinstance(value, float) else value


def within(predicted, labels):
    """Return the mean rank correlation among networks of one input size, weighted by number."""
    found, counts = [], []
    for size in set(labels.resolution.tolist()):
        rows = labels.resolution == size
        if rows.sum() >= 4:
            found.append(spearman(predicted[rows], labels.values[rows]))
            counts.append(rows.sum())
    return float(np.average(found, weights=counts))


def unit_sums(labels, units, score):
    """Return the sum of the units' scores of each network."""
    seen = block_space(labels.family)
    place = {key: i for i, key in enumerate(zip(units.unit.tolist(), units.blocks, strict=True))}
    return np.array(
        [
            sum(score[place[key]] for key in enumerate(seen.units(one)))
            for one in labels.architectures
        ]
    )


def run_ofa(labels, seed):
    """Train on nine tenths of the networks, test on the others, overall and at one input size."""
    settings = BlockTraining(seed=seed, epochs=EPOCHS, learning_rate=2e-3)
    train, test = settings.split(labels.architectures)
    (predictor, _), plain = block_predictor(labels, settings), Additive(labels.take(train))
    rest = labels.take(test)
    scored = predictor.score_units(int(np.median(labels.resolution)))
    predictions = {
        "autobuild": predictor.predict(rest.architectures, rest.resolution),
        "regression": plain.predict(rest),
        "sum_of_autobuild_units": unit_sums(rest, scored.units, scored.score),
        "sum_of_regression_units": unit_sums(rest, scored.units, plain.score_units()),
    }
    return {
        "srcc": {name: spearman(one, rest.values) for name, one in predictions.items()},
        "srcc_at_one_size": {name: within(one, rest) for name, one in predictions.items()},
        "mae": {
            name: float(np.abs(predictions[name] - rest.values).mean())
            for name in ("autobuild", "regression")
        },
    }


def ofa_accuracy():
    """Return what is learnt from the accuracies of three super-networks."""
    found = {}
    for name in ("ofa_mbv3_w10", "compofa_mbv3_w10", "moofa_v3"):
        labels = supernet_labels(name)
        runs = [run_ofa(labels, seed) for seed in SEEDS]
        found[name] = over_seeds(runs) | {"networks": len(labels.values)}
    return found


def supernet_labels(name):
    """Return the networks of a super-network; MOOFA's expansions 2, 3, 4 are coded as 3, 4, 6."""
    space = FAMILIES["ofa_mbv3_w10"]
    path = registry.find("ofa_accuracy", f"{name}.parquet")
    if name != "moofa_v3":
        return read_block_table(path, space).labelled("top1")
    table, codes = pq.read_table(path), {2: 3, 3: 4, 4: 6}
    rows = zip(*(table[key].to_pylist() for key in ("d", "ks", "e")), strict=True)
    names = tuple(space.from_lists(d, ks, [codes[one] for one in e]) for d, ks, e in rows)
    sizes = table["resolution"].to_numpy().astype(np.int64)
    return BlockLabels(space.FAMILY, names, table["top1"].to_numpy(), "top1", sizes)


def ofa_latency():
    """Return what is learnt from measured latencies on GPUs."""
    table = read_block_table(
        registry.find("ofa_latency", "ofa_mbv3_latency_ms.parquet"), FAMILIES["ofa_mbv3"]
    )
    rows = np.arange(GPU_NETWORKS)
    return {
        f"{gpu}, batch {batch}": over_seeds(
            [run_ofa(table.labelled(f"-lat_{gpu}_{batch}").take(rows), seed) for seed in SEEDS]
        )
        for gpu, batch in GPUS
    }


def fpga_times():
    """Return the measured time in ms of each block by stage, whether it is first, and words."""
    table = pq.read_table(
        registry.find("ofa_latency", "ofa_mbv3_block_latency_ultra96_fpga.parquet")
    )
    widths, found = [24, 32, 48, 96, 136, 192], {}
    for name, group, ms in zip(
        *(table[key].to_pylist() for key in ("block", "group", "avg_ms")), strict=True
    ):
        match = re.search(r"in_(\d+)x.*out_(\d+)-k_(\d)-e_([346])-", name)
        if match and group.startswith("All"):
            c_in, c_out, kernel, expansion = map(int, match.groups())
            key = widths.index(c_out) - 1, c_in != c_out, f"e{expansion}k{kernel}"
            found[key] = ms
    assert len(found) == 90
    return found


def fpga():
    """Return the ranking of units by measured times of their blocks: labels are sums of them."""
    times, space = fpga_times(), FAMILIES["ofa_mbv3"]
    units = all_units(space)
    truth = np.array(
        [
            -sum(times[unit, i == 0, block] for i, block in enumerate(words.split(",")))
            for unit, words in zip(units.unit.tolist(), units.blocks, strict=True)
        ]
    )
    runs = []
    for seed in SEEDS:
        source = space.architectures(seed)
        names = tuple(next(source) for _ in range(FPGA_NETWORKS))
        exact = BlockLabels(space.FAMILY, names, np.zeros(len(names)), "-latency")
        labels = BlockLabels(space.FAMILY, names, unit_sums(exact, units, truth), "-latency")
        predictor, _ = block_predictor(labels, BlockTraining(seed=seed, epochs=EPOCHS))
        score = predictor.score_units().score
        parts = [units.unit == unit for unit in range(5)]
        same = [parts[u] & (units.size == 3) for u in range(5)]
        runs.append(
            {
                "srcc": predictor.card.metrics["srcc"],
                "agreement": [spearman(score[part], truth[part]) for part in parts],
                "agreement_of_three_blocks": [spearman(score[p], truth[p]) for p in same],
                "top_fifty_in_true_top_five_hundred": [
                    float(np.isin(best(score, part, 50), best(truth, part, 500)).mean())
                    for part in parts
                ],
            }
        )
    return over_seeds(runs)


def best(score, part, count):
    """Return the indices of the best units of a part."""
    rows = np.flatnonzero(part)
    return rows[np.argsort(-score[rows], kind="stable")[:count]]


PARTS = {
    "nb_macro": tabulated.macro,
    "fpga": fpga,
    "ofa_accuracy": ofa_accuracy,
    "ofa_latency": ofa_latency,
    "nb201": tabulated.nb201,
    "nb201_latency": tabulated.nb201_latency,
}


def main():
    path = RESULTS / "autobuild_labels.json"
    for name in sys.argv[1:] or PARTS:
        part = rounded(PARTS[name](), 4)
        found = json.loads(path.read_text())["figures"] if path.exists() else {}
        settings = {
            "epochs": EPOCHS,
            "contexts": tabulated.CONTEXTS,
            "samples": tabulated.SAMPLES,
            "latency_sample": tabulated.LATENCY_SAMPLE,
            "tested": tabulated.TESTED,
            "best": tabulated.BEST,
            "kept": tabulated.KEPT,
            "gpu_networks": GPU_NETWORKS,
            "fpga_networks": FPGA_NETWORKS,
        }
        record(
            "autobuild_labels",
            found | {name: part, "settings": settings},
            seeds=list(SEEDS),
            note="std over seeds",
        )


def section() -> str:
    """Return what AutoBuild learns from measured labels, beside the truth and a regression."""
    found = figures("autobuild_labels")
    parts = {
        "nb_macro": tabulated.spaces_in_words,
        "nb201_latency": tabulated.latencies_in_words,
        "ofa_accuracy": _supernet_labels,
        "fpga": _fpga_blocks,
    }
    return (
        "## AutoBuild on measured labels\n\nBeside it stands a least-squares regression that adds "
        "up an effect of every block at its place and learns from the same networks. "
        + "\n\n".join(part(found) for name, part in parts.items() if name in found)
    )


def _supernet_labels(found: dict) -> str:
    """Return what is learnt from accuracies and latencies of Once-for-All networks."""
    rows = [
        [
            name,
            *(
                f"{one[key]['autobuild']['mean']:.3f} / {one[key]['regression']['mean']:.3f}"
                for key in ("srcc", "srcc_at_one_size")
            ),
            " / ".join(
                f"{one['srcc_at_one_size'][f'sum_of_{who}_units']['mean']:.3f}"
                for who in ("autobuild", "regression")
            ),
        ]
        for part in ("ofa_accuracy", "ofa_latency")
        for name, one in found.get(part, {}).items()
    ]
    head = ["labels", "SRCC", "at one resolution", "sum of units at one resolution"]
    return (
        "Once-for-All MobileNetV3, AutoBuild / regression: ImageNet accuracies of three "
        "super-networks at several resolutions, each of an eighth or a quarter of the validation "
        f"images, and latencies of {found['settings']['gpu_networks']:,} networks. Rank "
        "correlation on a tenth that was kept apart, overall and among networks of one resolution; "
        "and of the sum of the units' scores (by norms) with the label among these.\n\n"
        + table(head, rows)
    )


def _fpga_blocks(found: dict) -> str:
    """Return how units are ranked where the times of all blocks are measured."""
    blocks = found["fpga"]
    rows = [
        [
            stage + 1,
            *(
                _plus_minus(blocks[key][stage])
                for key in ("agreement", "agreement_of_three_blocks")
            ),
            _plus_minus(blocks["top_fifty_in_true_top_five_hundred"][stage]),
        ]
        for stage in range(5)
    ]
    return (
        "Blocks of MobileNetV3 on an FPGA: a network's label is minus the sum of the measured "
        "times of its blocks, so the truth of all units is known. From "
        f"{found['settings']['fpga_networks']:,} networks, rank correlation of units (by norms) "
        "with their true time, among all and among those of three blocks; and the share of the 50 "
        "best-ranked that are truly among the best 500 (chance 0.07). SRCC of predictions: "
        f"{_plus_minus(blocks['srcc'])}.\n\n"
        + table(["stage", "all units", "three blocks", "50 in 500"], rows)
    )


def _plus_minus(value: dict) -> str:
    """Return mean and standard deviation over seeds."""
    return f"{value['mean']:.3f} ± {value['std']:.3f}"


if __name__ == "__main__":
    main()
