"""Drawing of boxes and arrows as one standalone SVG document.

Colours are presentation attributes and every kind of element has a class, so that a page which
embeds a picture can restyle it (a dark background, for example) with its own style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape as escape_markup
from math import hypot

import numpy as np

from archloom.drawing.layout import Layout, Piece, layered_layout
from archloom.drawing.palette import INK, LINE, MUTED, PAPER
from archloom.visible import visible

FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"
_TITLE_SIZE, _DETAIL_SIZE = 11.0, 9.5
_TITLE_ADVANCE, _DETAIL_ADVANCE = 7.6, 6.0
_PADDING = 9.0
_MARGIN = 24.0


def escape(text: str) -> str:
    """Return ``text`` as XML can hold it."""
    return escape_markup(visible(text))


@dataclass(frozen=True)
class Style:
    """Look of a box: fill, border, and whether the border is dashed.

    name : class of the box, for pages that restyle it
    """

    fill: str
    stroke: str
    dashed: bool = False
    name: str = ""


@dataclass(frozen=True)
class Box:
    """One node of a picture: a bold ``title``, a ``detail`` below or beside it, a tool tip."""

    title: str
    detail: str
    tooltip: str
    style: Style
    inline: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        title = len(self.title) * _TITLE_ADVANCE
        detail = len(self.detail) * _DETAIL_ADVANCE
        if self.inline:
            return title + detail + 2 * _PADDING + (8 if self.detail else 0), 20.0
        return max(title, detail) + 2 * _PADDING, 33.0 if self.detail else 20.0


@dataclass(frozen=True)
class Panel:
    """A graph of boxes with its own heading; ``edges`` are (source, target) pairs."""

    boxes: Sequence[Box]
    edges: Sequence[tuple[int, int]]
    heading: str = ""
    edge_colours: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """One document: title, lines of text below it, legend, and panels side by side."""

    title: str
    lines: Sequence[str]
    legend: Sequence[tuple[str, Style]]
    panels: Sequence[Panel]
    aspect: float = 1.5

    def render(self) -> str:
        """Return the SVG document."""
        aspect = self.aspect / max(len(self.panels), 1)
        layouts = [
            layered_layout(_uniform_sizes(panel.boxes), panel.edges, aspect=aspect)
            for panel in self.panels
        ]
        top = _MARGIN + 24 + 17 * len(self.lines) + (30 if self.legend else 6)
        heading = 26 if any(panel.heading for panel in self.panels) else 0
        body, left = [], _MARGIN
        for panel, layout in zip(self.panels, layouts, strict=True):
            body.append(_render_panel(panel, layout, left, top, heading))
            left += max(layout.width, 7.5 * len(panel.heading)) + 3 * _MARGIN
        width = max(left - 2 * _MARGIN, self._text_width())
        height = top + heading + max((layout.height for layout in layouts), default=0.0) + _MARGIN
        return _document(width, height, self.title, [*self._head(), *body])

    def _text_width(self) -> float:
        """Return the width that title, lines and legend need."""
        legend = sum(_legend_width(name) for name, _ in self.legend)
        lines = max((7.2 * len(line) for line in self.lines), default=0.0)
        return max(10.8 * len(self.title), lines, legend) + 2 * _MARGIN

    def _head(self) -> list[str]:
        """Return title, lines and legend."""
        y = _MARGIN + 10
        parts = [_text(_MARGIN, y, self.title, size=17, weight=650)]
        for line in self.lines:
            y += 18
            parts.append(_text(_MARGIN, y, line, size=12, colour=MUTED))
        x, y = _MARGIN, y + 15
        for name, style in self.legend:
            parts.append(_rectangle(x, y, 16, 12, style, radius=3))
            parts.append(_text(x + 22, y + 10, name, size=11, colour=MUTED))
            x += _legend_width(name)
        return parts


def _legend_width(name: str) -> float:
    return 42 + 6.8 * len(name)


def _uniform_sizes(boxes: Sequence[Box]) -> np.ndarray:
    """Return ``(n, 2)``: the boxes' heights, and for all of them the width of the widest."""
    sizes = np.array([box.size for box in boxes], dtype=np.float64).reshape(-1, 2)
    if len(sizes):
        sizes[:, 0] = sizes[:, 0].max()
    return sizes


def _render_panel(panel: Panel, layout: Layout, left: float, top: float, heading: float) -> str:
    """Return one panel as a group."""
    parts = []
    if panel.heading:
        parts.append(_text(left, top + 12, panel.heading, size=13, weight=600))
    parts.append(f'<g transform="translate({_number(left)} {_number(top + heading)})">')
    for pair, pieces in layout.edges.items():
        colour = panel.edge_colours.get(pair)
        parts.append(_edge(pieces, colour))
    sizes = _uniform_sizes(panel.boxes)
    for box, centre, size in zip(panel.boxes, layout.centres.tolist(), sizes.tolist(), strict=True):
        parts.append(_box(box, centre, size))
    return "".join([*parts, "</g>"])


def _box(box: Box, centre: Sequence[float], size: Sequence[float]) -> str:
    """Return a node: rectangle, texts and tool tip."""
    (x, y), (width, height) = centre, size
    if box.inline and box.detail:
        texts = [
            _label(x - width / 2 + _PADDING, y + 4, box.title, bold=True, anchor="start"),
            _label(x + width / 2 - _PADDING, y + 3.5, box.detail, bold=False, anchor="end"),
        ]
    else:
        above = -2.5 if box.detail else 4
        texts = [_label(x, y + above, box.title, bold=True)]
        if box.detail:
            texts.append(_label(x, y + 10.5, box.detail, bold=False))
    shape = _rectangle(x - width / 2, y - height / 2, width, height, box.style)
    return f'<g class="node"><title>{escape(box.tooltip)}</title>{shape}{"".join(texts)}</g>'


def _rectangle(
    x: float, y: float, width: float, height: float, style: Style, radius: float = 5
) -> str:
    dash = ' stroke-dasharray="5 3"' if style.dashed else ""
    kind = f' class="{style.name}"' if style.name else ""
    return (
        f'<rect{kind} x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" '
        f'height="{_number(height)}" rx="{_number(radius)}" fill="{style.fill}" '
        f'stroke="{style.stroke}" stroke-width="1.2"{dash}/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    weight: int = 400,
    colour: str = INK,
    anchor: str = "start",
    kind: str = "caption",
) -> str:
    """Return a text; ``kind`` is its class: caption on the paper, label on a node."""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    where = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}" font-size="{_number(size)}"'
        f'{bold}{where} fill="{colour}">{escape(text)}</text>'
    )


def _label(x: float, y: float, text: str, *, bold: bool, anchor: str = "middle") -> str:
    """Return a text on a node, bold and larger for titles."""
    size, weight = (_TITLE_SIZE, 600) if bold else (_DETAIL_SIZE, 400)
    return _text(x, y, text, size=size, weight=weight, anchor=anchor, kind="label")


def _edge(pieces: Sequence[Piece], colour: str | None) -> str:
    """Return an edge as one path with an arrow head."""
    kind, width = ("marked", 1.8) if colour else ("plain", 1.2)
    style = f' fill="none" stroke="{colour or LINE}" stroke-width="{width}"'
    return (
        f'<path class="edge {kind}"{style} d="{"".join(_piece(piece) for piece in pieces)}"/>'
        + (_arrow_head(pieces[-1][-1], colour))
    )


def _arrow_head(tip: tuple[float, float], colour: str | None) -> str:
    x, y = tip
    kind, left, right = "marked" if colour else "plain", _number(x - 3), _number(x + 3)
    start = _number(y - 5)
    return (
        f'<path class="arrow {kind}" fill="{colour or LINE}" '
        f'd="M{left} {start}L{right} {start}L{_number(x)} {_number(y)}z"/>'
    )


def _piece(piece: Piece) -> str:
    """Return the path data of a curve (two points) or of a polyline with rounded corners."""
    if len(piece) > 2:
        return _rounded(piece)
    (x0, y0), (x1, y1) = piece
    start = f"M{_number(x0)} {_number(y0)}"
    if abs(x0 - x1) < 0.05:
        return f"{start}V{_number(y1)}"
    middle = _number((y0 + y1) / 2)
    return f"{start}C{_number(x0)} {middle} {_number(x1)} {middle} {_number(x1)} {_number(y1)}"


def _rounded(points: Piece, radius: float = 6.0) -> str:
    """Return a polyline whose corners are rounded."""
    data = f"M{_number(points[0][0])} {_number(points[0][1])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        entry, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        data += (
            f"L{_number(entry[0])} {_number(entry[1])}"
            f"Q{_number(corner[0])} {_number(corner[1])} {_number(leave[0])} {_number(leave[1])}"
        )
    return f"{data}L{_number(points[-1][0])} {_number(points[-1][1])}"


def _towards(
    start: tuple[float, float], end: tuple[float, float], distance: float
) -> tuple[float, float]:
    """Return the point ``distance`` from ``start`` towards ``end``, at most half way."""
    (x, y), (dx, dy) = start, (end[0] - start[0], end[1] - start[1])
    share = min(distance / max(hypot(dx, dy), 1e-9), 0.5)
    return x + share * dx, y + share * dy


def _document(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """Return the SVG around ``parts``."""
    w, h = _number(width), _number(height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="0 0 {w} {h}" '
        f'width="{w}" height="{h}" role="img" aria-label="{escape(title)}" '
        f'font-family="{FONT}"><title>{escape(title)}</title>'
        f'<rect class="paper" width="{w}" height="{h}" fill="{PAPER}"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _number(value: float) -> str:
    """Return a coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
