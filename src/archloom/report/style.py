"""The one look of all figures, and how a figure becomes a file or a part of a page (matplotlib, no
display).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archloom.drawing.palette import BLUE, INK, MUTED
from archloom.files import replacing, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = "#e3e7eb"
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "archloom",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.dpi": 100,
}


@contextmanager
def styled(width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure (size in inches) in our style; no display and no global state."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG without dates; the same data give the same bytes."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def save_png(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG on a white background, at twice the screen resolution."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=200, facecolor="white")


def embedded(svg: str, name: str, label: str) -> str:
    """Return ``svg`` for use inside a page.

    Declarations and metadata are dropped, ids get ``name`` as a prefix so that several pictures do
    not clash, and text and grid take their colours from the page's variables.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", body)
    for colour, variable in ((INK, "ink"), (MUTED, "muted"), (GRID, "grid"), (BLUE, "blue")):
        body = body.replace(f": {colour}", f": var(--{variable})")
    return body.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def write_figure(figure: Figure, folder: Path, name: str, label: str) -> str:
    """Write ``figures/{name}.svg`` below ``folder``; return it for use inside a page, where a
    screen reader says ``label``.
    """
    svg = to_svg(figure)
    write_text(folder / "figures" / f"{name}.svg", svg)
    return embedded(svg, name, label)
