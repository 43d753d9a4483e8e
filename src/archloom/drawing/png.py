"""Drawings as PNG: the SVG rendered by resvg, with the fonts that Matplotlib brings, so that a
machine without fonts gives the same picture.
"""

from __future__ import annotations

import re

ZOOM = 2.0
LARGEST = 40_000_000
"""Pixels of a picture at most; a larger one is drawn smaller."""


def to_png(svg: str) -> bytes:
    """Return the drawing ``svg``, as ``archloom.drawing.graphs`` makes it, as a PNG file of twice
    its size in pixels.
    """
    import resvg_py

    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=min(ZOOM, (LARGEST / _area(svg)) ** 0.5),
            skip_system_fonts=True,
            font_files=_fonts(),
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
        )
    )


def _area(svg: str) -> float:
    """Return width times height in the units of the drawing."""
    width, height = re.findall(r'(?:width|height)="([\d.]+)"', svg)[:2]
    return float(width) * float(height)


def _fonts() -> list[str]:
    """Return the files of the plain and the bold font."""
    from matplotlib import get_data_path

    folder = f"{get_data_path()}/fonts/ttf"
    return [f"{folder}/DejaVuSans{weight}.ttf" for weight in ("", "-Bold")]
