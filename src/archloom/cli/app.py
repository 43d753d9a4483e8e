"""The application that the commands belong to, and the two consoles that they print on."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from archloom.visible import visible

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class PlainConsole(Console):
    """Prints names as they are: no markup, no emoji, nothing that a terminal would obey."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=True, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return ``text`` styled, with characters that cannot be seen escaped."""
        return super().render_str(visible(text), **options)


out, err = PlainConsole(), PlainConsole(stderr=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"archloom {version('archloom')}", highlight=False)
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Rank, improve, shrink and initialise neural networks through their compute graphs."""
