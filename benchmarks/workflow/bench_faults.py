"""Runs that are killed: what a SIGKILL at a random moment costs, and whether the results are the
same as those of an undisturbed run.

python -m benchmarks.workflow.bench_faults tiny --kills 3
python -m benchmarks.workflow.bench_faults

The whole process group of the workflow (Snakemake, jobs, their worker processes) is killed again
and again; after each kill the folder is unlocked and the same command given again. A step is
finished when Snakemake has noted so; a finished step is lost when its outputs are made again later.
"""

import argparse
import base64
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archloom.workflow.content import content_digest, files_in
from benchmarks.recording import ROOT, at_scale, figures, record

COPIED = ("config", "rules", "profiles", "workflow", "labels", "src", "Snakefile")
TIMED = ("/records/", "/kept/", "/shards/", "run.html")
"""What names the files that say when and how long something ran, or that jobs work with, and is not
compared.
"""
TABLES = (".csv", ".md", ".parquet")

State = tuple[int, int]
"""Inode and time stamp of an output: both stay unless it is made again."""


@dataclass
class Checkout:
    """A copy of the project, code included, that one target is made in."""

    root: Path
    target: str
    options: Sequence[str] = ()

    @classmethod
    def copy(cls, root: Path, target: str, options: Sequence[str] = ()) -> "Checkout":
        """Copy the project to ``root``."""
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.is_file():
                root.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, root / name)
        return cls(root, target, options)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake as the head of a process group of its own."""
        command = [sys.executable, "-m", "snakemake", *arguments, *self.options, "--cores", "2"]
        environment = os.environ | {"PYTHONPATH": str(self.root / "src"), "OMP_NUM_THREADS": "1"}
        with (self.root / "snakemake.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.root, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def run(self) -> None:
        """Make the target to its end."""
        if self.start(self.target).wait():
            raise RuntimeError((self.root / "snakemake.log").read_text()[-3000:])

    def run_until(self, seconds: float) -> bool:
        """Make the target, but kill everything after ``seconds``; return whether it was killed."""
        process = self.start(self.target)
        try:
            if process.wait(timeout=seconds):
                raise RuntimeError((self.root / "snakemake.log").read_text()[-3000:])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if self.start("--unlock").wait():
                raise RuntimeError((self.root / "snakemake.log").read_text()[-3000:]) from None
            return True
        return False

    def finished(self) -> dict[str, State]:
        """Return the outputs that Snakemake has noted as finished."""
        done = self._noted("metadata") - self._noted("incomplete")
        paths = {path: self.root / path for path in sorted(done)}
        return {path: _state(place) for path, place in paths.items() if place.exists()}

    def running(self) -> int:
        """Return the number of outputs that were begun and are not finished."""
        return len(self._noted("incomplete"))

    def contents(self) -> dict[str, str]:
        """Return the digests of all files that the run has made, but for those of ``TIMED``."""
        files = [file for name in ("resources", "results") for file in files_in(self.root / name)]
        names = {str(file.relative_to(self.root)): file for file in files}
        kept = {name for name in names if not any(word in name for word in TIMED)}
        return {name: content_digest(names[name]) for name in sorted(kept)}

    def _noted(self, what: str) -> set[str]:
        folder = self.root / ".snakemake" / what
        found = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
        return {_decoded(str(name)) for name in found if not name.name.startswith(".")}


def _decoded(name: str) -> str:
    """Return the path that the name of one of Snakemake's notes stands for."""
    text = "".join(part.removeprefix("@") for part in name.split("/"))
    return base64.b64decode(text.encode()).decode()


def _state(path: Path) -> State:
    facts = path.stat()
    return facts.st_ino, 0 if path.is_dir() else facts.st_mtime_ns


@dataclass
class Killed:
    """What the kills did.

    moments   seconds after its start at which each run was killed
    finished  outputs that were finished at each kill
    running   outputs that were not finished at each kill
    lost      finished outputs that were made again later
    """

    moments: list[float] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    runs: int = 0


def kill_again_and_again(
    fresh: "list[Checkout]", kills: int, span: tuple[float, float], seed: int = 0
) -> tuple[Killed, Checkout]:
    """Kill runs at random moments within ``span`` seconds of each start, ``kills`` times in all.

    ``fresh`` are copies to take one after the other: where a run ends before it is killed, the
    next begins. Return what happened, and the last copy, run to its end.
    """
    draw, found = random.Random(seed), Killed()
    checkout, kept = fresh.pop(0), {}
    found.runs = 1
    while True:
        moment = draw.uniform(*span)
        was_killed = len(found.moments) < kills and checkout.run_until(moment)
        if not was_killed:
            checkout.run()
        now = checkout.finished()
        found.lost += [path for path, state in kept.items() if now.get(path) != state]
        kept = now
        if was_killed:
            found.moments.append(round(moment, 2))
            found.finished.append(len(now))
            found.running.append(checkout.running())
        elif len(found.moments) >= kills:
            return found, checkout
        else:
            checkout, kept = fresh.pop(0), {}
            found.runs += 1


def compare(one: Checkout, other: Checkout) -> dict[str, object]:
    """Return how many files, and tables among them, two runs have in common, byte for byte, and
    which files differ.
    """
    first, second = one.contents(), other.contents()
    names = first.keys() | second.keys()
    same = {name for name, digest in first.items() if second.get(name) == digest}
    return {
        "files": len(names),
        "identical": len(same),
        "tables": sum(name.endswith(TABLES) for name in names),
        "identical_tables": sum(name.endswith(TABLES) for name in same),
        "differing": sorted(names - same),
    }


def measure(name: str, target: str, options: Sequence[str], kills: int, span: tuple) -> dict:
    """Kill runs of one configuration and compare the result with an undisturbed run."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        copies = [Checkout.copy(Path(folder) / str(n), target, options) for n in range(8)]
        straight = copies.pop()
        straight.run()
        found, resumed = kill_again_and_again(copies, kills, span)
        print(f"{name}: {len(found.moments)} kills, lost {found.lost}", flush=True)
        compared = compare(straight, resumed)
        return {"target": target, "span_s": span, **vars(found), "compared": compared}


TINY = ("results/tiny/autogo/nb201", ("--configfile", "config/test/tiny.yaml"))
RUNS = {"tiny": TINY, "default": at_scale(("results/autogo/nb201", ()), TINY)}


def main() -> None:
    """Measure one configuration, and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", choices=RUNS, default="default")
    parser.add_argument("--kills", type=int, default=at_scale(20, 1))
    parser.add_argument("--span", type=float, nargs=2, default=(3.0, 25.0), metavar="SECONDS")
    chosen = parser.parse_args()
    figures = measure(chosen.run, *RUNS[chosen.run], chosen.kills, tuple(chosen.span))
    record(f"faults_{chosen.run}", figures, seeds=[0])


def section() -> str:
    """Return what kills at random moments cost a run."""
    found = figures("faults_default")
    kills, span, compared = len(found["moments"]), found["span_s"], found["compared"]
    states = sorted(set(found["finished"]))
    return (
        f"## Killed runs\n\nThe run of `{found['target']}`, killed {kills} times by SIGKILL to "
        f"Snakemake, its jobs and their worker processes, at random moments {span[0]:g} to "
        f"{span[1]:g} s after each start, and continued each time. Finished outputs that were made "
        f"again later: {len(found['lost'])}. The results against those of an undisturbed run: "
        f"{compared['identical_tables']} of {compared['tables']} tables and "
        f"{compared['identical']} of {compared['files']} files are the same byte for byte; the "
        "others are the report, statistics and cards, which hold durations. The kills found runs "
        f"with {', '.join(map(str, states))} outputs finished and up to {max(found['running'])} "
        "begun."
    )


if __name__ == "__main__":
    main()
