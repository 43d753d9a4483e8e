"""Commands on external datasets: ``archloom datasets`` and ``archloom fetch``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from archloom.cli.app import app, err, out
from archloom.cli.bars import byte_bar
from archloom.errors import DataError

if TYPE_CHECKING:
    from archloom.data.registry import DataFile, Dataset


@app.command()
def datasets(
    name: Annotated[str, typer.Argument(help="Show this dataset's files and sources.")] = "",
) -> None:
    """Show the external datasets: what is here, where it lies, how large it is.

    Example: archloom datasets nasbench201
    """
    from archloom.data import registry
    from archloom.workflow.words import size

    if name:
        _show(registry.dataset_named(name))
        return
    table = Table("dataset", "here", "size", "where, or how to get it", box=None)
    for dataset in registry.read_registry().values():
        files = dataset.files.values()
        places = [registry.locate(dataset.name, file.name) for file in files]
        here = [place.parent for place in places if place is not None]
        sizes = [file.size for file in files if file.size is not None]
        table.add_row(
            dataset.name,
            f"{len(here)} of {len(places)}",
            size(sum(sizes)) if len(sizes) == len(places) else "not known",
            str(here[0].resolve()) if len(here) == len(places) else _way(dataset),
        )
    out.print(table)


@app.command()
def fetch(
    what: Annotated[list[str], typer.Argument(help="DATASET or DATASET/FILE, several if wanted.")],
) -> None:
    """Download external datasets into resources/data, with resumption and checksums. A file that a
    local folder has already is only checked.

    Example: archloom fetch nasbench201 autogo_vocab/encoder.json
    """
    problems = []
    for dataset, file in [pair for text in what for pair in _files_of(text)]:
        try:
            place = _fetch(dataset, file)
        except DataError as error:
            problems.append(str(error))
            err.print(f"error: {error}", style="red", highlight=False)
        else:
            out.print(f"{dataset}/{file} is in {place}", highlight=False)
    if problems:
        raise DataError(f"{len(problems)} files are not here, see above.")


def _fetch(dataset: str, file: str) -> Path:
    """Return where the file is, checked; download it where no folder has it."""
    from archloom.data import registry
    from archloom.data.retrieve import own_place, retrieve

    place = own_place(dataset, file)
    found = registry.locate(dataset, file)
    if found is not None and found != place:
        return registry.find(dataset, file)
    with byte_bar(f"{dataset}/{file}") as update:
        retrieve(
            dataset,
            file,
            place,
            online=True,
            progress=lambda done, total: update(completed=done, total=total),
        )
    return place


def _files_of(text: str) -> list[tuple[str, str]]:
    """Return the dataset and file names that an argument means."""
    from archloom.data import registry

    dataset, _, file = text.partition("/")
    if file:
        return [(dataset, registry.file_named(dataset, file).name)]
    return [(dataset, name) for name in registry.dataset_named(dataset).files]


def _show(dataset: Dataset) -> None:
    """Print one dataset with its files."""
    from archloom.workflow.words import size

    facts = Table(show_header=False, box=None)
    for fact in ("what", "licence", "source", "url", "steps"):
        if getattr(dataset, fact):
            facts.add_row(fact, getattr(dataset, fact))
    out.print(facts)
    for file in dataset.files.values():
        known = f"{size(file.size)}, SHA-256 {file.sha256}" if file.size else "size not known"
        out.print(f"\n{file.name} ({known})", highlight=False)
        for line in _where(dataset, file):
            out.print(f"  {line}", highlight=False)


def _where(dataset: Dataset, file: DataFile) -> Sequence[str]:
    """Return where a file is, or where it can be had."""
    from archloom.data import registry

    path = registry.locate(dataset.name, file.name)
    if path is not None:
        return [str(path.resolve())]
    return file.sources or ["not here, and without an address to download it from"]


def _way(dataset: Dataset) -> str:
    """Return in words how a dataset is to be had."""
    files = dataset.files.values()
    with_source = [file for file in files if file.sources]
    if not with_source:
        return "by hand"
    words = "download" if all(file.is_pinned for file in with_source) else "download, not pinned"
    return words if len(with_source) == len(files) else f"{words} (in part)"
