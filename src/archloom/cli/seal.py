"""Commands on the files of a run: ``archloom verify | seal | adopt | push | pull``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from archloom.cli.app import app, err, out
from archloom.cli.arguments import Root, Run
from archloom.cli.bars import byte_bar

Paths = Annotated[
    list[Path] | None, typer.Argument(help="Files or folders in the checkout; default: all.")
]


@app.command()
def verify(
    paths: Paths = None,
    run: Run = "",
    root: Root = Path("."),
    threads: Annotated[
        int | None, typer.Option(help="Files hashed at a time; default: one per processor.")
    ] = None,
) -> None:
    """Hash all files of a run and of the external data again; name what is corrupt, missing or
    made by no known job, and the command that makes it again. Status 1 when there is any.

    Example: archloom verify resources/labels
    """
    from archloom.workflow.verify import verify as verify_files

    names = [path.as_posix() for path in paths or ()]
    with _counting("verify") as progress:
        found = verify_files(root, _resources(run), names, threads, progress)
    for problem in found.problems:
        made_by = f" ({problem.rule})" if problem.rule else ": no job is known to have made it"
        out.print(f"{problem.fault.value}: {problem.path}{made_by}", style="red")
        if problem.command:
            out.print(f"    {problem.command}", highlight=False)
    out.print(f"{found.intact:,} intact, {len(found.problems):,} not")
    if found.problems:
        raise typer.Exit(1)


@app.command()
def seal(run: Run = "", root: Root = Path(".")) -> None:
    """Write down where the files of a run come from, in a file that travels with them.

    Example: archloom seal
    """
    from archloom.workflow import sharing

    resources = _resources(run)
    with _counting("seal") as progress:
        _tell_left_out(sharing.seal(root, resources, progress))
    out.print(f"wrote {resources / sharing.PROVENANCE}")


@app.command()
def adopt(run: Run = "", root: Root = Path(".")) -> None:
    """Recognise files that were made elsewhere by their bytes, so that they are not made again.

    Example: archloom adopt
    """
    from archloom.workflow import sharing
    from archloom.workflow.sharing import Verdict

    with _counting("adopt") as progress:
        verdicts = sharing.adopt(root, _resources(run), progress)
    for path, verdict in verdicts.items():
        if verdict in (Verdict.UNKNOWN, Verdict.OUTDATED):
            out.print(f"{verdict.value}, will be made again: {path}", style="red")
    counts = Counter(verdict.value for verdict in verdicts.values())
    out.print(", ".join(f"{counts[verdict.value]:,} {verdict.value}" for verdict in Verdict))


@app.command()
def push(root: Root = Path(".")) -> None:
    """Seal what was made and send it to DVC's remote; commit dvc.lock afterwards.

    Example: archloom push
    """
    from archloom.workflow import dvc

    pushed = dvc.push(root)
    _tell_left_out(pushed.left_out)
    out.print(f"{len(pushed.stages)} stages recorded in dvc.lock, {pushed.files:,} files sent")


@app.command()
def pull(paths: Paths = None, root: Root = Path(".")) -> None:
    """Get what others made from DVC's remote, all or some of it, and recognise it.

    Example: archloom pull resources/predictors
    """
    from archloom.workflow import dvc

    pulled = dvc.pull(root, [path.as_posix() for path in paths or ()])
    out.print(f"{pulled.files:,} files fetched")
    for run in dvc.runs_with_provenance(root):
        adopt(run, root)
    for path in pulled.missing:
        err.print(
            f"the remote has no intact copy of {path}: push it again where it was made, or let "
            "Snakemake make it here",
            style="red",
        )
    if pulled.missing:
        raise typer.Exit(1)


def _tell_left_out(paths: list[str]) -> None:
    for path in paths:
        err.print(
            f"left out, it is not as its job made it (see `archloom verify`), or was made of files "
            f"outside of the checkout: {path}",
            style="yellow",
        )


def _resources(run: str) -> Path:
    return Path("resources") / run


@contextmanager
def _counting(name: str) -> Iterator[Callable[[int], None]]:
    """Yield what counts bytes on a terminal."""
    with byte_bar(name) as update:
        yield lambda size: update(advance=size)
