"""A checkout that has made a result and shared it, and fresh clones of it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stub_workflow import Checkout, copy_workflow

pytest.importorskip("dvc", reason="DVC is not installed: pip install 'archloom[dvc]'")

from archloom.workflow import dvc  # noqa: E402  # after the skip
from job_chain import Chain  # noqa: E402

TARGET = "results/autogo/nb201"
SHARED = ("dvc.yaml", ".dvcignore", ".dvc/config", ".dvc/.gitignore", ".gitignore")

CHAIN_PIPELINE = """
stages:
  caches:
    cmd: "true"
    outs:
      - resources/graphs.parquet: {persist: true}
      - resources/labels.parquet: {persist: true}
      - resources/weights: {persist: true}
      - resources/provenance.json: {persist: true}
"""


def run_git(folder: Path, *arguments: str) -> None:
    """Run a command of Git under an identity of its own."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )


@pytest.fixture(scope="session")
def chain_repository() -> Callable[[Path], Chain]:
    """What makes a repository for a chain of jobs that are only played."""

    def make(root: Path) -> Chain:
        chain = Chain(root)
        chain.write("dvc.yaml", CHAIN_PIPELINE)
        chain.write(".dvc/config", "")
        chain.write(".gitignore", "/resources/\n/.snakemake/\n")
        run_git(root, "init", "--quiet")
        return chain

    return make


@pytest.fixture(scope="session")
def shared(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkout with one result that was pushed, and the remote."""
    base = tmp_path_factory.mktemp("sharing")
    checkout, remote = copy_workflow(project, base / "maker"), base / "remote"
    for name in SHARED:
        target = checkout.root / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((project / name).read_bytes())
    known = checkout.root / "labels/digits/nb201.parquet"
    known.parent.mkdir(parents=True)
    known.write_text("known labels")
    (checkout.root / "src/archloom").mkdir(parents=True)
    (checkout.root / "src/archloom/module.py").write_text("")
    run_git(checkout.root, "init", "--quiet")
    run_git(checkout.root, "add", ".")
    run_git(checkout.root, "commit", "--quiet", "--message", "Workflow")
    checkout.run(TARGET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(dvc.REMOTE_VARIABLE, str(remote))
        pushed = dvc.push(checkout.root)
    assert not pushed.left_out
    run_git(checkout.root, "add", "dvc.lock")
    run_git(checkout.root, "commit", "--quiet", "--message", "Shared")
    return checkout.root, remote


@pytest.fixture
def remote(shared: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The remote, which `pull` finds by the environment."""
    monkeypatch.setenv(dvc.REMOTE_VARIABLE, str(shared[1]))
    return shared[1]


@pytest.fixture
def clone(shared: tuple[Path, Path], remote: Path, tmp_path: Path) -> Callable[[], Checkout]:
    """What makes a fresh clone, in which nothing is made or pulled yet."""

    def fresh() -> Checkout:
        run_git(tmp_path, "clone", "--quiet", str(shared[0]), "clone")
        return Checkout(tmp_path / "clone")

    return fresh
