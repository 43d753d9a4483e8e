"""The command line: modules are called like their commands, those of one subject are together; the
only package that prints.

Commands import what they need when they run, so that ``--help`` is there at once. It must not
import ``snakemake``: ``workflow.engine`` does.
"""

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
