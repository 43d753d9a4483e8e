"""Search for lower latency of a ResNet-18-like network (224 x 224) on this machine, one thread.

    python -m benchmarks.autogo.bench_latency_search

Objectives: predicted score (published PSC checkpoint) and latency in ONNX Runtime, estimated from
operators that are measured here; the target is 15 % less than the input. The front is measured
again, interleaved with the input, and its fastest member once more by itself with more rounds, in
both runtimes. Also says how well estimated changes agree with measured ones.
Needs the datasets autogo_cgs, autogo_vocab and autogo_models.
"""

import time

from benchmarks.recording import at_scale, figures, one_thread, published_artefacts, record, table

one_thread()

import numpy as np  # noqa: E402

from archloom.graph import Graph, GraphBuilder  # noqa: E402
from archloom.predict.metrics import spearman  # noqa: E402
from archloom.search.graphs.optimise import optimise  # noqa: E402
from archloom.search.graphs.settings import SearchSettings  # noqa: E402
from archloom.train.latency import RUNTIMES, Timing, compare_latency  # noqa: E402

SETTINGS = SearchSettings(
    family="generic_noDW",
    iterations=at_scale(8, 1),
    objectives=("score", "latency"),
    constraints=("latency<=-15%",),
)


def resnet18(size: int = 224, classes: int = 1000) -> Graph:
    """Return a network of four stages of two basic blocks."""
    b = GraphBuilder("resnet18", family="generic_noDW")

    def convolved(x: int, channels: int, kernel: int, stride: int = 1) -> int:
        return b.unary("batchnorm", b.conv(x, channels, kernel, stride))

    x = b.unary("relu", convolved(b.input(size, size, 3), 64, 7, 2))
    x = b.pool("maxpool", x, 3, 2)
    for stage, channels in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = convolved(b.unary("relu", convolved(x, channels, 3, stride)), channels, 3)
            shortcut = convolved(x, channels, 1, stride) if stride == 2 else x
            x = b.unary("relu", b.add([y, shortcut]))
    b.output(b.matmul(b.unary("mean", x), classes))
    return b.build()


def main() -> None:
    """Search, measure and record."""
    graph, artefacts = resnet18(), published_artefacts()
    begun = time.perf_counter()
    result = optimise(graph, artefacts, SETTINGS)
    seconds = time.perf_counter() - begun
    estimated = [100 * (m.values["latency"] / result.values["latency"] - 1) for m in result]
    measured = [m.latency.change for m in result]
    fastest = min(result, key=lambda member: member.latency.change)
    again = {
        runtime: compare_latency(graph, [fastest.graph], Timing(runtime, repeats=at_scale(41, 3)))[
            0
        ]
        for runtime in RUNTIMES
    }
    record(
        "latency_search",
        {
            "seconds": round(seconds, 1),
            "iterations": SETTINGS.iterations,
            "visited": len(result.visited),
            "operators_measured": len(result.goals.figures[2].table.entries),
            "input": {
                "score": round(result.score, 4),
                "estimated_ms": round(result.values["latency"], 2),
                "range": result.place.words,
            },
            "front": [
                {
                    "score": round(m.score, 4),
                    "estimated_ms": round(m.values["latency"], 2),
                    "estimated_change_percent": round(change, 2),
                    "measured_ms": [
                        round(value, 2)
                        for value in (
                            m.latency.own.lower,
                            m.latency.own.median,
                            m.latency.own.upper,
                        )
                    ],
                    "input_measured_ms": round(m.latency.reference.median, 2),
                    "measured_change_percent": round(m.latency.change, 2),
                    "flops_change_percent": round(100 * (m.flops / result.flops - 1), 2),
                    "steps": len(m.steps),
                }
                for m, change in zip(result, estimated, strict=True)
            ],
            "agreement": {
                "spearman": round(spearman(np.array(estimated), np.array(measured)), 3),
                "median_difference_points": round(
                    float(np.median(np.abs(np.subtract(estimated, measured)))), 2
                ),
            },
            "fastest": {
                "score": round(fastest.score, 4),
                **{
                    runtime: {
                        "own_ms": round(found.own.median, 2),
                        "own_quartiles_ms": [round(found.own.lower, 2), round(found.own.upper, 2)],
                        "input_ms": round(found.reference.median, 2),
                        "change_percent": round(found.change, 2),
                    }
                    for runtime, found in again.items()
                },
            },
        },
        seeds=[0],
        note="one process, one thread; quartiles over interleaved rounds; other work may have run "
        "on the machine, which hits the input and its variants alike",
    )


def section() -> str:
    """Return a search for lower latency, behind that of resnet50."""
    found = figures("latency_search")
    agreement, fastest = found["agreement"], found["fastest"]
    first = found["front"][0]
    timed = [
        [
            title,
            f"{one['score']:.4f}",
            f"{one['estimated_change_percent']:+.1f} %",
            f"{one['measured_change_percent']:+.1f} %",
        ]
        for title, one in (
            ("best score", first),
            ("lowest latency", min(found["front"], key=lambda one: one["measured_change_percent"])),
        )
    ]
    again = ", ".join(
        f"{name} {fastest[name]['change_percent']:+.1f} % ({fastest[name]['own_ms']} ms, input "
        f"{fastest[name]['input_ms']} ms)"
        for name in ("onnxruntime", "torch")
    )
    return (
        "A ResNet-18 (224 x 224), objectives predicted score and latency (ONNX Runtime, one "
        f"thread), target 15 % less: {found['visited']:,} graphs in {found['seconds']:.0f} s, for "
        f"which {found['operators_measured']} operators were measured. Estimated and measured "
        f"change of the {len(found['front'])} front members: rank correlation "
        f"{agreement['spearman']:.2f}, median difference "
        f"{agreement['median_difference_points']:.1f} points. Input score "
        f"{found['input']['score']:.4f}.\n\n"
        + table(["front member", "score", "latency, estimated", "latency, measured"], timed)
        + f"\n\nThe fastest once more, 41 rounds: {again}. The input is "
        f"{found['input']['range']}; whether a variant is as accurate has to be trained."
    )


if __name__ == "__main__":
    main()
