"""The command line, one module per group of commands; the only package that prints."""

from __future__ import annotations

import sys

from archloom.cli import (
    compare_searches,
    datasets,
    inspect,
    optimise,
    plan,
    predict,
    rank_operators,
    rank_units,
    seal,
    search_units,
    status,
)
from archloom.cli.app import app, err
from archloom.errors import ArchloomError

__all__ = [
    "app",
    "compare_searches",
    "datasets",
    "inspect",
    "main",
    "optimise",
    "plan",
    "predict",
    "rank_operators",
    "rank_units",
    "seal",
    "search_units",
    "status",
]


def main() -> None:
    """Run the command line; bad input ends with status 1 and one message on standard error."""
    try:
        app()
    except ArchloomError as error:
        err.print(f"error: {error}", style="bold red", highlight=False)
        sys.exit(1)
