"""Sharing caches with DVC: a round trip of 2 GB through a remote on the same disk beside plain cp.

    python -m benchmarks.workflow.bench_sharing [--folder /tmp] [--gigabytes 2] [--rounds 3]

Every round makes fresh files of random bytes, in the number and sizes of a large run's caches, and
takes cp and DVC in turns, each there (cp; dvc push) and back (cp; dvc pull in a fresh clone). Every
step ends when the bytes are on the disk (sync). Timed apart are: recording the files in dvc.lock
(dvc commit: one more copy and a checksum) and hashing them as `archloom verify` does. DVC is set up
as in the project's .dvc/config. Processor time is given beside wall time, since it depends less on
what else the machine does.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.recording import ROOT, at_scale, figures, one_thread, record, table

one_thread()

from archloom.workflow.content import content_digests  # noqa: E402

FILES = 100
PIPELINE = 'stages: {caches: {cmd: "true", outs: [resources: {persist: true}]}}\n'


def main() -> None:
    """Measure, and record the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--gigabytes", type=float, default=at_scale(2.0, 0.001))
    parser.add_argument("--rounds", type=int, default=at_scale(3, 1))
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            rounds.append(one_round(Path(folder), options.gigabytes, dvc_first=number % 2 == 1))
            print(rounds[-1])
    steps = {name: [one[name] for one in rounds] for name in rounds[0]}
    middle = {name: round(statistics.median(values), 2) for name, values in steps.items()}
    trips = [one["push_s"] + one["pull_s"] for one in rounds]
    both = [one["cp_there_s"] + one["cp_back_s"] for one in rounds]
    trips_cpu = [one["push_and_pull_cpu_s"] for one in rounds]
    both_cpu = [one["cp_there_and_back_cpu_s"] for one in rounds]
    figures = {
        "gigabytes": options.gigabytes,
        "files": FILES,
        "rounds": options.rounds,
        **middle,
        "push_and_pull_per_cp_there_and_back": ratios(trips, both),
        "push_and_pull_per_one_cp": ratios(trips, [one["cp_there_s"] for one in rounds]),
        "cpu_per_cp_there_and_back": ratios(trips_cpu, both_cpu),
        "load_1min": round(os.getloadavg()[0], 1),
    }
    record("sharing", figures)


def ratios(above: list[float], below: list[float]) -> dict[str, float]:
    """Return the median and the range of paired ratios."""
    found = [one / other for one, other in zip(above, below, strict=True)]
    middle = statistics.median(found)
    return {
        name: round(v, 2)
        for name, v in zip(
            ("median", "least", "most"), (middle, min(found), max(found)), strict=True
        )
    }


def one_round(folder: Path, gigabytes: float, dvc_first: bool) -> dict[str, float]:
    """Return the seconds of every step."""
    maker = folder / "maker"
    caches = maker / "resources"
    caches.mkdir(parents=True)
    for number in range(FILES):
        (caches / f"{number}.parquet").write_bytes(os.urandom(int(gigabytes * 1e9 / FILES)))
    set_up(maker, folder / "remote")
    os.sync()
    seconds = {"commit_s": timed(lambda: dvc(maker, "commit", "--force"))}
    git(maker, "add", ".")
    git(maker, "commit", "--quiet", "--message", "caches")
    plain, shared = (lambda: copies(folder, caches)), (lambda: round_trip(folder, maker))
    for measure in (shared, plain) if dvc_first else (plain, shared):
        seconds |= measure()
    names = [f"resources/{number}.parquet" for number in range(FILES)]
    seconds["verify_s"] = timed(lambda: content_digests(maker, names))
    return {name: round(value, 2) for name, value in seconds.items()}


def copies(folder: Path, caches: Path) -> dict[str, float]:
    """Copy there and back."""
    there, back = folder / "there", folder / "back"
    before = cpu_seconds()
    found = {
        "cp_there_s": timed(lambda: run(folder, "cp", "-r", caches, there)),
        "cp_back_s": timed(lambda: run(folder, "cp", "-r", there, back)),
    }
    found["cp_there_and_back_cpu_s"] = cpu_seconds() - before
    shutil.rmtree(there)
    shutil.rmtree(back)
    os.sync()
    return found


def round_trip(folder: Path, maker: Path) -> dict[str, float]:
    """Push, and pull in a fresh clone."""
    before = cpu_seconds()
    found = {"push_s": timed(lambda: dvc(maker, "push"))}
    clone = folder / "clone"
    git(folder, "clone", "--quiet", maker, clone)
    shutil.copyfile(maker / ".dvc/config.local", clone / ".dvc/config.local")
    found["pull_s"] = timed(lambda: dvc(clone, "pull"))
    found["push_and_pull_cpu_s"] = cpu_seconds() - before
    return found


def set_up(maker: Path, remote: Path) -> None:
    """Make a repository with the project's settings of DVC and a remote."""
    (maker / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copyfile(ROOT / ".dvc" / name, maker / ".dvc" / name)
    (maker / "dvc.yaml").write_text(PIPELINE)
    (maker / ".gitignore").write_text("/resources/\n")
    git(maker, "init", "--quiet")
    remote.mkdir()
    dvc(maker, "remote", "add", "--local", "--default", "disk", remote)


def timed(step: Callable[[], object]) -> float:
    """Return the seconds until a step is done and its bytes are on the disk."""
    start = time.perf_counter()
    step()
    os.sync()
    return time.perf_counter() - start


def cpu_seconds() -> float:
    """Return the processor time that all commands so far have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def dvc(folder: Path, *arguments: str | Path) -> None:
    """Run a command of DVC."""
    command, *rest = arguments
    run(folder, sys.executable, "-m", "dvc", command, "--quiet", *rest)


def git(folder: Path, *arguments: str | Path) -> None:
    """Run a command of Git under an identity of its own."""
    identity = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")
    run(folder, "git", *identity, *arguments)


def run(folder: Path, *command: str | Path) -> None:
    """Run a command that must succeed."""
    subprocess.run([str(part) for part in command], cwd=folder, check=True)


def section() -> str:
    """Return what a round trip of caches through DVC takes beside copying them."""
    found = figures("sharing")
    rows = [
        ["cp, there", found["cp_there_s"]],
        ["cp, back", found["cp_back_s"]],
        ["dvc push", found["push_s"]],
        ["dvc pull in a fresh clone", found["pull_s"]],
        ["recording in dvc.lock (dvc commit)", found["commit_s"]],
        ["hashing as archloom verify does", found["verify_s"]],
    ]
    wall, cpu = found["push_and_pull_per_cp_there_and_back"], found["cpu_per_cp_there_and_back"]
    one = found["push_and_pull_per_one_cp"]
    return (
        f"## Sharing caches\n\n{found['gigabytes']:g} GB in {found['files']} files through a "
        f"remote on the same disk, medians of {found['rounds']} rounds (load "
        f"{found['load_1min']} on 2 cores).\n\n"
        + table(["step", "s"], rows)
        + f"\n\nPush and pull take {wall['median']} times as long as cp there and back "
        f"({wall['least']} to {wall['most']}; {one['median']} times one cp) and {cpu['median']} "
        "times its processor time. The aim, twice the time, is missed: where the file system "
        "cannot clone blocks, DVC copies three times (to the remote, to its cache, into the "
        "checkout) where cp copies twice, and its start counts."
    )


if __name__ == "__main__":
    main()
