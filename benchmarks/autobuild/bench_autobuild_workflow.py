"""AutoBuild's workflow from the labels to the report, with its default settings, in a copy of the
project.

    python -m benchmarks.autobuild.bench_autobuild_workflow [FAMILY ...]

Families are ofa_mbv3 and ofa_pn; the figures of one that is not named stay as they were. With the
dataset autobuild_models its predictors label the networks and judge what is found; without it the
operators are measured and a formula stands in for accuracies, which the result says. Memory and
times of jobs are those that Snakemake notes.
"""

import argparse
import csv
import json
import os
import tempfile
import time
from pathlib import Path

from archloom.config.autobuild import Autobuild
from benchmarks.recording import RESULTS, ROOT, at_scale, figures, record, table
from benchmarks.workflow.bench_faults import Checkout

NAME = "autobuild_workflow"
FAMILIES = ("ofa_mbv3", "ofa_pn")
OPTIONS = at_scale((), ("--config", "autobuild={networks: 300, epochs: 2, seeds: 1, searches: 2}"))


def jobs_of(root):
    """Return number, longest time and largest memory of the jobs, by rule."""
    found = {}
    for file in sorted((root / "logs").rglob("*.tsv")):
        with file.open(newline="") as lines:
            found.setdefault(file.parent.name, []).extend(csv.DictReader(lines, delimiter="\t"))
    return {
        rule: {
            "jobs": len(rows),
            "longest_s": round(max(float(row["s"]) for row in rows), 1),
            "peak_mb": round(max(float(row["max_rss"]) for row in rows)),
        }
        for rule, rows in found.items()
    }


def made(family, options):
    """Make one family's report in a fresh copy; return what that took and what was found."""
    target = f"results/autobuild/{family}"
    with tempfile.TemporaryDirectory(prefix="autobuild-") as folder:
        checkout = Checkout.copy(Path(folder) / "checkout", target, options)
        started = time.perf_counter()
        checkout.run()
        wall = time.perf_counter() - started
        rules = jobs_of(checkout.root)
        summary = json.loads((checkout.root / target / "summary.json").read_text())
    return {
        "target": target,
        "wall_s": round(wall, 1),
        "load_1min": round(os.getloadavg()[0], 1),
        "jobs": sum(one["jobs"] for one in rules.values()),
        "peak_mb": max(one["peak_mb"] for one in rules.values()),
        "rules": rules,
        **{name: summary[name] for name in ("sources", "hypervolume_from", "methods")},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=" or ".join(FAMILIES))
    chosen = parser.parse_args()
    os.environ.setdefault("ARCHLOOM_DATA", str(ROOT / "../shared/data"))
    path = RESULTS / f"{NAME}.json"
    for family in chosen.families or FAMILIES:
        figures = json.loads(path.read_text())["figures"] if path.exists() else {"families": {}}
        figures["settings"] = Autobuild().model_dump(exclude={"table", "latency_table"})
        figures["families"][family] = made(family, OPTIONS)
        record(NAME, figures, seeds=[0], note="two cores, default settings, a fresh copy")


def section() -> str:
    """Return what AutoBuild's workflow takes and finds with its default settings."""
    found = figures("autobuild_workflow")
    settings, families = found["settings"], found["families"]
    labels = "; ".join(source for one in families.values() for source in one["sources"].values())
    taken = [
        [
            f"`{one['target']}`",
            f"{one['wall_s'] / 60:.1f}",
            one["jobs"],
            f"{one['peak_mb']:,}",
            "; ".join(f"{rule} {part['longest_s']:.0f} s" for rule, part in one["rules"].items()),
        ]
        for one in families.values()
    ]
    methods = [
        [
            family,
            one["method"],
            one["searches"],
            f"{one['mean']:.4f} ± {one['std']:.4f}",
            "" if one["won"] is None else f"{one['won']} of {one['searches']}",
        ]
        for family, some in families.items()
        for one in some["methods"]
    ]
    return (
        "## AutoBuild's workflow\n\nFrom the labels to the report in a fresh copy, on two cores, "
        f"with the default settings: {settings['networks']:,} labelled networks, "
        f"{len(settings['targets'])} targets, {settings['seeds']} predictors of each, trained for "
        f"{settings['epochs']} epochs, {settings['searches']} searches of every method. Labels: "
        f"{labels}.\n\n"
        + table(["target", "minutes", "jobs", "largest job, MB", "longest job of a rule"], taken)
        + "\n\nHypervolume of accuracy and latency, mean and standard deviation over the searches, "
        "and in how many of them AutoBuild's is larger; what gave the labels judges.\n\n"
        + table(["family", "method", "searches", "hypervolume", "AutoBuild larger in"], methods)
    )


if __name__ == "__main__":
    main()
