"""Duration of the Slurm suite, as root in a container.

    python -m benchmarks.workflow.measure_slurm_suite

For the figure of a bare machine remove Debian's packages first; the suite installs them again:
`apt-get purge slurm-wlm slurmctld slurmd slurm-client munge`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.recording import at_scale, figures, record

SUITE = at_scale("tests/slurm", "tests/unit/graph/test_isomorphism.py")
"""In small any tests will do: Slurm is left alone."""


def main() -> None:
    """Run the suite once and record how long it took, and how busy the machine was."""
    bare = shutil.which("slurmctld") is None
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "suite.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", SUITE]
        begun = time.perf_counter()
        subprocess.run(command, env=os.environ | {"ARCHLOOM_TEST_SLURM": "1"}, check=True)
        seconds = time.perf_counter() - begun
        cases = list(ElementTree.parse(report).iter("testcase"))
    durations = {case.get("name"): round(float(case.get("time", 0))) for case in cases}
    if skipped := [case.get("name") for case in cases if case.find("skipped") is not None]:
        raise SystemExit(f"skipped: {', '.join(map(str, skipped))}")
    record(
        "slurm_suite",
        {
            "seconds": round(seconds),
            "tests": len(cases),
            "seconds_per_test": durations,
            "slurm_installed_by_the_suite": bare,
            "other_processes_at_the_start": round(busy, 1),
        },
        note="Python environment installed before; others is the load average of one minute",
    )


def section() -> str:
    """Return how long the suite takes."""
    found = figures("slurm_suite")
    return (
        f"`make test-slurm`, {found['tests']} tests that begin with the installation of Slurm: "
        f"{found['seconds'] / 60:.1f} min."
    )


if __name__ == "__main__":
    main()
