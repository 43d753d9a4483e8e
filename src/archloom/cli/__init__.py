"""The command line, one module per group of commands; the only package that prints."""

from __future__ import annotations

import sys

from archloom.cli import (
    blocks,
    comparison,
    data,
    graphs,
    operators,
    search,
    sharing,
    units,
    workflow,
)
from archloom.cli.app import app, err
from archloom.errors import ArchloomError

__all__ = [
    "app",
    "blocks",
    "comparison",
    "data",
    "graphs",
    "main",
    "operators",
    "search",
    "sharing",
    "units",
    "workflow",
]


def main() -> None:
    """Run the command line; bad input ends with status 1 and one message on standard error."""
    try:
        app()
    except ArchloomError as error:
        err.print(f"error: {error}", style="bold red", markup=False, highlight=False)
        sys.exit(1)
