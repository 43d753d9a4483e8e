"""A copy of the workflow whose scripts only touch their outputs.

So what Snakemake decides to run, and what not, is tested in seconds.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

STUB = """# {name}
from typing import TYPE_CHECKING

from archloom.workflow import job

if TYPE_CHECKING:
    {imports}

with job() as run:
    for name, path in run.output.items():
        if path.suffix:
            path.write_text(name)
        else:
            path.mkdir()
            (path / "content").write_text(name)
"""


class Checkout:
    """A folder with a copy of the workflow, and the means to run Snakemake in it."""

    def __init__(self, root: Path, library: Path | None = None) -> None:
        self.root, self.library = root, library

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.python("-m", "snakemake", *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, *arguments]
        environment = os.environ | {"PYTHONPATH": str(self.library or "")}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )

    def copy(self, root: Path, project: Path | None = None) -> "Checkout":
        """A copy with all files, and with the library of ``project`` where that is given."""
        shutil.copytree(self.root, root)
        if project is None:
            return Checkout(root)
        library = root / "src"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project / "src/archloom", library / "archloom", ignore=ignored)
        return Checkout(root, library)

    def run(self, *arguments: str) -> None:
        done = self.snakemake(*arguments, "--cores", "2")
        assert done.returncode == 0, done.stderr

    def planned(self, *arguments: str) -> Counter:
        """Number of jobs per rule that a dry run announces."""
        done = self.snakemake(*arguments, "--dry-run")
        assert done.returncode == 0, done.stderr
        text = done.stdout + done.stderr
        table = re.search(r"Job stats:\n.*\n-.*\n((?:.+\n)+?)total", text)
        rows = table.group(1).splitlines() if table else []
        assert table or "Nothing to be done" in text
        return Counter({name: int(count) for name, count in (row.split() for row in rows)})


def stub_of(script: Path) -> str:
    """A stub that depends on what the script depends on, but imports none of it when it runs."""
    imports = [
        ast.unparse(node)
        for node in ast.parse(script.read_text()).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    return STUB.replace("{name}", script.stem).replace("{imports}", "\n    ".join(imports))


def copy_workflow(project: Path, root: Path) -> Checkout:
    """Copy what Snakemake needs; scripts become stubs, and no label is known."""
    for name in ("config", "rules", "profiles"):
        shutil.copytree(project / name, root / name)
    shutil.copy(project / "Snakefile", root)
    scripts = root / "workflow/scripts"
    scripts.mkdir(parents=True)
    for script in (project / "workflow/scripts").glob("*.py"):
        (scripts / script.name).write_text(stub_of(script))
    return Checkout(root)
