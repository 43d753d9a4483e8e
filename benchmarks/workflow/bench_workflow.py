"""How long Snakemake plans: a finished target, and everything at full scale; and what that takes.

    python -m benchmarks.workflow.bench_workflow [--repeats 3]

Works on a copy of the workflow whose scripts only touch their outputs (tests/stub_workflow.py).
Each command is a process of its own; the least of the repeats counts. Processor time is that of the
command and its children; a machine that is busy with other work makes only the wall time longer.
"""

import argparse
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.recording import ROOT, at_scale, figures, record, table, with_tests

with_tests()

from archloom.workflow.engine import make_plan  # noqa: E402
from archloom.workflow.plan import stages, total  # noqa: E402
from stub_workflow import Checkout, copy_workflow  # noqa: E402

TARGET = "results/autogo/nb201"
EVERYTHING, FULL = "everything", "config/full.yaml"


def least(
    checkout: Checkout, target: str, repeats: int, options: Sequence[str] = ()
) -> dict[str, float]:
    """Return the least wall and processor time of a dry run, in seconds."""
    walls, processors = [], []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        done = checkout.snakemake(*options, "--dry-run", "--quiet", "all", "--", target)
        walls.append(time.perf_counter() - begun)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, target, done.stderr)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall_s": round(min(walls), 2), "cpu_s": round(min(processors), 2)}


def plan_of(root: Path) -> dict[str, Any]:
    """Return what the full scale takes: sums, and the stages that take an hour or more."""
    found = stages(make_plan([EVERYTHING], [root / FULL], root=root), root)
    large = [stage for stage in found if stage.core_hours >= 1]
    return {"total": asdict(total(found)), "stages": [asdict(stage) for stage in large]}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=at_scale(3, 1))
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        checkout = copy_workflow(ROOT, Path(folder) / "checkout")
        checkout.run(TARGET)
        figures = {
            "finished": least(checkout, TARGET, repeats),
            "full": least(checkout, EVERYTHING, repeats, ("--configfile", FULL)),
            "plan": plan_of(checkout.root),
            "load": round(os.getloadavg()[0], 1),
        }
    note = f"least of {repeats} dry runs; load of the machine's two cores as stated"
    record("workflow", figures, note=note)


def section() -> str:
    """Return how long Snakemake plans, and what the full scale takes."""
    found = figures("workflow")
    plan = found["plan"]
    rows = [
        [f"`snakemake -n {target}`", jobs, f"{one['cpu_s']:.1f}", f"{one['wall_s']:.1f}"]
        for target, jobs, one in (
            ("results/autogo/nb201", "0, all is there", found["finished"]),
            ("everything", f"{plan['total']['jobs']:,}", found["full"]),
        )
    ]
    stages = [
        [
            stage["rule"],
            f"{stage['jobs']:,}",
            f"{stage['core_hours']:,.0f}",
            f"{stage['gpu_hours']:,.0f}",
            f"{stage['longest'] / 60:.1f}",
            f"{stage['written'] / 1e9:,.0f}",
            "assumed speed of one GPU" if stage["is_assumed"] else "measurements",
        ]
        for stage in [*plan["stages"], plan["total"]]
    ]
    head = ["stage", "jobs", "core h", "GPU h", "longest job, h", "writes, GB", "hours from"]
    return (
        "## Planning, and the Slurm suite\n\nDry runs in a copy whose jobs do nothing; load of "
        f"the two cores {found['load']:.0f}.\n\n"
        + table(["dry run", "jobs to run", "CPU s", "wall s"], rows)
        + "\n\nWhat `archloom plan everything --configfile config/full.yaml` plans: stages of an "
        "hour or more. Upper bounds; nothing of it was run.\n\n" + table(head, stages)
    )


if __name__ == "__main__":
    main()
