"""Clean checkouts in which Snakemake submits jobs to a cluster, and scripts that tests control."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SNAKEMAKE = Path(sys.executable).parent / "snakemake"
# The profile's pauses suit a real cluster; the suite does not wait that long.
IN_A_HURRY = (
    *("--seconds-between-status-checks", "2"),
    *("--slurm-steady-init-seconds-before-status-checks", "2"),
    *("--latency-wait", "10"),
)
STUB = """
from archloom.workflow import job

with job() as run:
    {body}
    for name, path in run.output.items():
        if path.suffix:
            path.write_text(name)
        else:
            path.mkdir()
"""


class Checkout:
    """A folder with the project's files, and the means to run Snakemake on the cluster in it."""

    def __init__(self, project: Path, root: Path, options: Sequence[str] = ()) -> None:
        self.root, self.options = root, options
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=project, capture_output=True, text=True, check=True)
        for name in filter(None, names.stdout.split("\0")):
            source, target = project / name, root / name
            if source.is_file() or source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)

    def stub(self, script: str, body: str = "pass") -> None:
        """Let a script only touch its outputs, after ``body``."""
        text = STUB.format(body=body.strip().replace("\n", "\n    "))
        (self.root / "workflow/scripts" / f"{script}.py").write_text(text)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `snakemake --profile slurm`; what it says can be read from ``stdout``."""
        return subprocess.Popen(
            [SNAKEMAKE, "--profile", "slurm", *arguments, *IN_A_HURRY, *self.options],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> str:
        """Run it to its end, which must be a good one, and return what it says."""
        process = self.start(*arguments)
        try:
            said, _ = process.communicate()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 0, said
        return said


class Gate:
    """Holds the jobs of a stub at one place until it is opened; no clock is involved."""

    BODY = """
from pathlib import Path
if (gate := Path({root!r}, "gate", *run.wildcards.values())).is_dir():
    (gate / "arrived").open("w").close()
    (gate / "open").open().close()
"""

    def __init__(self, checkout: Checkout, script: str, wildcard: str) -> None:
        self.folder = checkout.root / "gate" / wildcard
        self.folder.mkdir(parents=True)
        os.mkfifo(self.folder / "arrived")
        os.mkfifo(self.folder / "open")
        checkout.stub(script, self.BODY.format(root=str(checkout.root)))

    def wait(self) -> None:
        """Wait until a job has arrived."""
        (self.folder / "arrived").open().close()

    def open(self) -> None:
        """Let the job that waits pass, and all that come later."""
        self.remove().open("w").close()

    def remove(self) -> Path:
        """Let all jobs pass that come later; return the pipe on which the one that waits reads."""
        moved = self.folder.with_name("removed")
        self.folder.rename(moved)
        return moved / "open"
