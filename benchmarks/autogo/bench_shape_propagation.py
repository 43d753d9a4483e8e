"""Time of shape propagation on the golden cases: cold (model building included) and memoised.

    python -m benchmarks.autogo.bench_shape_propagation [--rounds 20]

Needs the dataset autogo_vocab (config/datasets.yaml). Every cold call gets a fresh graph and a
propagator without memory, so that nothing derived is reused; each case counts with the median of
its rounds.
The reference (Pyomo with an external solver) takes 8.3 to 9.1 ms per case.
"""

import argparse
import json
import time
from statistics import median

import numpy as np

from archloom.data import registry
from archloom.graph import OPS, Graph, Padding
from archloom.search.shapes.highs import HighsSolver
from archloom.search.shapes.propagation import CORRECTED, LEGACY, Propagator
from benchmarks.recording import at_scale, figures, record

REFERENCE_MS = (8.3, 9.1)
NAMES = {"conv2d": "conv", "fusedbatchnorm": "batchnorm"}


class CountingSolver(HighsSolver):
    """HiGHS that counts the programs it gets."""

    def __init__(self):
        super().__init__()
        self.programs = 0

    def solve(self, program):
        """Count and solve."""
        self.programs += 1
        return super().solve(program)


def read_case(case):
    """Return (segment, source shapes, sink shapes) of one golden case, always as new arrays."""
    index = {node["id"]: k for k, node in enumerate(case["nodes"])}
    operands = [[] for _ in index]
    for source, target in case["edges"]:
        operands[index[target]].append(index[source])
    strided = [node["strides"] is not None for node in case["nodes"]]
    segment = Graph.from_arrays(
        op=[OPS.code(NAMES.get(node["op"], node["op"])) for node in case["nodes"]],
        in_ptr=np.cumsum([0] + [len(before) for before in operands]),
        in_src=[node for before in operands for node in before],
        resolution=np.ones((len(index), 6)),
        kernel=np.where(np.array(strided)[:, None], [[3, 3]], [[0, 0]]),
        stride=[node["strides"][1:3] if node["strides"] else [1, 1] for node in case["nodes"]],
        padding=np.where(strided, Padding.SAME, Padding.NONE),
    )
    sources = int((segment.in_degree == 0).sum())
    sinks = len(index) - len({source for source, _ in case["edges"]})
    return segment, [case["source_in"]] * sources, [case["sink_target"]] * sinks


def milliseconds(call, *arguments):
    """Return the duration and the result of one call."""
    start = time.perf_counter()
    result = call(*arguments)
    return 1e3 * (time.perf_counter() - start), result


def measure(cases, rules, rounds):
    """Return the timing summary of all cases under one rule set."""
    propagator = Propagator(rules, memory=0)
    propagator._highs = solver = CountingSolver()
    remembering = Propagator(rules)
    cold, with_solver, memoised, agreeing = [], [], [], 0
    for case in cases:
        before = solver.programs
        timed = [milliseconds(propagator, *read_case(case)) for _ in range(rounds)]
        cold.append(median(ms for ms, _ in timed))
        if solver.programs > before:
            with_solver.append(cold[-1])
        outcome = timed[0][1]
        agreeing += (outcome.status, outcome.objective) == (case["status"], case["objective"])
        remembered = read_case(case)
        remembering(*remembered)
        again = [milliseconds(remembering, *remembered)[0] for _ in range(rounds)]
        memoised.append(median(again))
    return {
        "cases": len(cases),
        "status_and_objective_as_golden": agreeing if rules.legacy else None,
        "outcomes": {k: v // rounds for k, v in sorted(propagator.stats.outcomes.items())},
        "cold_ms": summary(cold),
        "cold_ms_of_cases_that_reach_highs": summary(with_solver) if with_solver else None,
        "cases_that_reach_highs": len(with_solver),
        "memoised_ms": summary(memoised),
    }


def summary(values):
    """Return median, mean, 90th percentile and maximum."""
    return {
        "median": round(median(values), 4),
        "mean": round(float(np.mean(values)), 4),
        "p90": round(float(np.quantile(values, 0.9)), 4),
        "max": round(max(values), 4),
    }


def main():
    """Run, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=at_scale(20, 1), help="calls per case")
    options = parser.parse_args()
    golden = json.loads(registry.find("autogo_vocab", "golden_milp.json").read_text())
    Propagator(LEGACY)(*read_case(golden["cases"][0]))
    result = {
        "reference_ms": REFERENCE_MS,
        "legacy": measure(golden["cases"], LEGACY, options.rounds),
        "corrected": measure(golden["cases"], CORRECTED, options.rounds),
    }
    record("shape_propagation", result)


def agreement() -> list[list[str]]:
    """Return rows of what agrees with the published artefacts."""
    legacy = figures("shape_propagation")["legacy"]
    return [
        [
            "shape propagation, status and objective (legacy rules)",
            f"{legacy['status_and_objective_as_golden']} of {legacy['cases']} cases",
        ]
    ]


def speeds() -> list[list[object]]:
    """Return rows: what, ours, the reference's."""
    found = figures("shape_propagation")
    legacy, corrected = found["legacy"], found["corrected"]
    return [
        [
            "shape propagation, median ms per golden case, model building included",
            f"{legacy['cold_ms']['median']} (legacy), {corrected['cold_ms']['median']} (ours)",
            "8.3 to 9.1",
        ],
        ["the same, memoised", corrected["memoised_ms"]["median"], ""],
        [
            "golden cases that reach HiGHS after reduction",
            f"{legacy['cases_that_reach_highs']} (legacy), "
            f"{corrected['cases_that_reach_highs']} (ours) of {legacy['cases']}",
            "",
        ],
    ]


if __name__ == "__main__":
    main()
