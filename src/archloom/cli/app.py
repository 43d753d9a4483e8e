"""The application that the commands belong to, and the two consoles that they print on."""

from __future__ import annotations

import typer
from rich.console import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Rank, improve, shrink and initialise neural networks through their compute graphs.",
)
out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
