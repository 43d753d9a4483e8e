"""Time of a training step by precision and layout, images of CIFAR-10's size.

    python -m benchmarks.training.bench_training_step [--device cuda] [--batch 32]

Networks are two of our families at full size; rounds are interleaved, so that a machine that slows
down hits all alike. One thread on a CPU. Random images: only the time is measured.
"""

import argparse
import time
from dataclasses import replace
from itertools import product

from benchmarks.recording import at_scale, one_thread, record, result, table

one_thread()

import numpy as np  # noqa: E402

from archloom.data.images import Images  # noqa: E402
from archloom.spaces import FAMILIES  # noqa: E402
from archloom.train.recipe import recipe_named  # noqa: E402
from archloom.train.trainer import train  # noqa: E402

STEPS, ROUNDS = at_scale((3, 3), (1, 1))
PRECISIONS, LAYOUTS = ("float32", "bfloat16"), (False, True)


def images(count):
    """Return random images, hardly any of them for the test."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count + 8, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, count + 8)
    return Images("random", pixels[8:], labels[8:], pixels[:8], labels[:8], 1 / 255, 10)


def seconds(graph, recipe, data, device):
    """Return the time of one step, from one epoch of ``STEPS`` after one to warm up."""
    marks = []
    train(graph, data, recipe, device=device, progress=lambda *_: marks.append(time.perf_counter()))
    return (marks[1] - marks[0]) / STEPS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batch", type=int, default=at_scale(32, 2))
    options = parser.parse_args()
    data = images(STEPS * options.batch)
    base = replace(recipe_named("cifar10-short"), epochs=2, batch_size=options.batch)
    cases = {
        f"{precision}, {'channels last' if last else 'channels first'}": replace(
            base, precision=precision, channels_last=last
        )
        for precision, last in product(PRECISIONS, LAYOUTS)
    }
    graphs = {name: FAMILIES[name].sample(1, 0)[0] for name in ("nb201", "hiaml")}
    found = {name: {case: [] for case in cases} for name in graphs}
    for _ in range(ROUNDS):
        for (name, graph), (case, recipe) in product(graphs.items(), cases.items()):
            found[name][case].append(seconds(graph, recipe, data, options.device))
    figures = {
        name: {case: round(1e3 * min(times), 1) for case, times in by_case.items()}
        for name, by_case in found.items()
    }
    note = f"least of {ROUNDS} rounds, ms per step, batch {options.batch}, {options.device}"
    name = "training_step" if options.device == "cpu" else "training_step_cuda"
    record(name, {"ms_per_step": figures}, note=note)


def section() -> str:
    """Return the time of a training step by precision and layout."""
    document = result("training_step")
    by_case = document["figures"]["ms_per_step"]
    rows = [[case, *(one[case] for one in by_case.values())] for case in by_case["nb201"]]
    return (
        f"## Training on images of 32x32\n\n{document['note'].capitalize()}, one "
        "thread.\n\n" + table(["precision, layout", *(f"{name}, ms" for name in by_case)], rows)
    )


if __name__ == "__main__":
    main()
