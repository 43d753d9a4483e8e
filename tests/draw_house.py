"""Draw the house: floors are layers, rooms are packages, arrows are imports.

    python tests/draw_house.py       writes docs/images/house.svg

An arrow that follows from others is left out, and so are those into the cellar, which all floors
use. Rooms of one floor stand so that the arrows are short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise, permutations
from pathlib import Path

from house import MODULES, PACKAGES, ROWS, own_imports, part_of, reached, siblings

PLACE = Path(__file__).parents[1] / "docs" / "images" / "house.svg"
CELLAR = 2
"""The lowest rows of ``house.ROWS``, below the ground."""
WIDTH, WALL, EAVES = 940, 56, 26
ROOF, STOREY, GAP, BETWEEN, EARTH = 104, 58, 36, 30, 34
CORRIDOR = 18
"""Width that an arrow takes on a floor that it passes."""
COLOURS = "#f6d5c7 #f8e0bd #f3e8b5 #dcebc0 #c6e6cf #bfe3e0 #c5dcf0 #d3d3f1 #fdfbf7 #fdfbf7".split()
"""Of the rooms, floor by floor."""
INK, SOFT, LINE = "#2b2d33", "#6b6f7a", "#7d8597"
STYLE = f"""
text {{ font-family: "DejaVu Sans", Verdana, sans-serif; fill: {INK}; }}
.name {{ font-size: 15px; font-weight: bold; }}
.inner {{ font-size: 11px; }}
.note {{ font-size: 11px; fill: {SOFT}; }}
.roof {{ fill: #ffffff; }}
.use {{ fill: none; stroke: {LINE}; stroke-width: 1.6; }}
"""
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto"><path d="M0,0 L8,4 L0,8 Z" fill="{LINE}"/></marker></defs>'
)

Arrow = tuple[str, str]
Floors = list[list[str]]
Span = tuple[float, float]
Spans = dict[str, Span]


def arrows(rows: Sequence[Sequence[str]]) -> list[Arrow]:
    """(user, used) of the parts in ``rows`` where no longer way says the same."""
    parts = {part for row in rows for part in row}
    uses: dict[str, set[str]] = {part: set() for part in parts}
    for module in MODULES:
        if (own := part_of(module)) in parts:
            uses[own] |= {part_of(name) for name in own_imports(module)} & parts - {own}
    return sorted(
        (user, used)
        for user in parts
        for used in uses[user]
        if not any(used in reached(other, uses) for other in uses[user] - {used})
    )


def with_corridors(rows: Floors, found: Iterable[Arrow]) -> tuple[Floors, list[Arrow]]:
    """Cut arrows over several floors into pieces that meet in corridors, named ``user>used``."""
    floor = {part: index for index, row in enumerate(rows) for part in row}
    floors, pieces = [list(row) for row in rows], []
    for user, used in found:
        stops = [user]
        for index in range(floor[user] + 1, floor[used]):
            stops.append(f"{user}>{used}@{index}")
            floors[index].append(stops[-1])
        pieces += pairwise([*stops, used])
    return floors, pieces


def inner_rooms(package: str) -> list[str]:
    """The packages in a package, each with those in it: ``importing: onnx, torch``."""
    found = sorted(name for name in siblings(package) - {package} if name in PACKAGES)
    names = [(name.rpartition(".")[2], ", ".join(inner_rooms(name))) for name in found]
    return [f"{name}: {within}" if within else name for name, within in names]


def least_width(part: str) -> float:
    if ">" in part:
        return CORRIDOR
    chips = sum(chip_width(name) + 6 for name in inner_rooms(f"archloom.{part}"))
    return max(110.0, chips + 20, 9.5 * len(part) + 40)


def chip_width(name: str) -> float:
    return 6.4 * len(name) + 18


def spans(row: Sequence[str]) -> Spans:
    """Left and right end of each room of a floor; rooms share the width, corridors do not."""
    inside = WIDTH - 2 * WALL - 2 * EAVES - BETWEEN * (len(row) - 1)
    rooms = [part for part in row if ">" not in part]
    spare = (inside - sum(map(least_width, row))) / len(rooms)
    left, found = float(WALL + EAVES), {}
    for part in row:
        right = left + least_width(part) + (spare if part in rooms else 0)
        found[part] = (left, right)
        left = right + BETWEEN
    return found


def middle(span: Span) -> float:
    return sum(span) / 2


def arranged(floors: Floors, pieces: Sequence[Arrow]) -> Floors:
    """Order the rooms of each floor so that the arrows to the floors beside it are short, and rooms
    that use each other stand side by side.
    """
    floors = [list(row) for row in floors]
    for _ in range(4):
        for index, row in enumerate(floors):
            beside = [spans(other) for other in floors[max(index - 1, 0) : index + 2]]
            placed = {part: middle(span) for some in beside for part, span in some.items()}
            orders = permutations(row)
            floors[index] = list(min(orders, key=lambda order: _length(order, placed, pieces)))
    return floors


def _length(order: Sequence[str], placed: dict[str, float], pieces: Iterable[Arrow]) -> float:
    here = {part: middle(span) for part, span in spans(order).items()}
    place = {**placed, **here}
    total = 0.0
    for one, other in pieces:
        if one in place and other in place and (one in here or other in here):
            total += abs(place[one] - place[other])
            if one in here and other in here:
                total += 500 * (abs(order.index(one) - order.index(other)) - 1)
    return round(total, 3)


def top_of(index: int, n_floors: int) -> float:
    """The upper edge of the rooms of a floor; those of the cellar lie below the ground."""
    return ROOF + GAP + index * (STOREY + GAP) + (EARTH if index >= n_floors - CELLAR else 0)


def rectangle(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" '
        f"{more}/>"
    )


def text(x: float, y: float, words: str, kind: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="middle">{escape(words)}</text>'
    )


def room(part: str, span: Span, y: float, colour: str) -> list[str]:
    """A room with its name, and the rooms in it."""
    left, right = span
    chips = inner_rooms(f"archloom.{part}")
    drawn = [
        rectangle(left, y, right - left, STOREY, colour, f'rx="7" stroke="{LINE}"'),
        text(middle(span), y + (24 if chips else STOREY / 2 + 5), part, "name"),
    ]
    x = middle(span) - (sum(map(chip_width, chips)) + 6 * (len(chips) - 1)) / 2
    for name in chips:
        width = chip_width(name)
        drawn += [
            rectangle(x, y + 33, width, 18, "#ffffff", f'rx="9" stroke="{LINE}" opacity="0.85"'),
            text(x + width / 2, y + 46, name, "inner"),
        ]
        x += width + 6
    return drawn


def lines(floors: Floors, pieces: Sequence[Arrow]) -> list[str]:
    """The arrows: from wall to wall on one floor, down to the roof of a room otherwise."""
    place = {part: span for row in floors for part, span in spans(row).items()}
    tops = {part: top_of(index, len(floors)) for index, row in enumerate(floors) for part in row}
    drawn = []
    for user, used in pieces:
        if tops[user] == tops[used]:
            path = _aside(place[user], place[used], tops[user] + STOREY / 2)
        else:
            path = _down(place[user], place[used], tops[user] + STOREY, tops[used])
        if ">" in used:
            path += f" v{STOREY}"
        head = "" if ">" in used else ' marker-end="url(#head)"'
        drawn.append(f'<path class="use" d="{path}"{head}/>')
    return drawn


def _aside(user: Span, used: Span, y: float) -> str:
    start, end = (user[1], used[0]) if user < used else (user[0], used[1])
    return f"M{start:.1f},{y:.1f} H{end:.1f}"


def _down(user: Span, used: Span, upper: float, lower: float) -> str:
    """A straight line where one room stands above the other, a curve where it does not."""
    left, right = max(user[0], used[0]), min(user[1], used[1])
    if left < right:
        return f"M{(left + right) / 2:.1f},{upper:.1f} V{lower:.1f}"
    start, end = _nearest(user, used), _nearest(used, user)
    turn = (upper + lower) / 2
    curve = f"C{start:.1f},{turn:.1f} {end:.1f},{turn:.1f} {end:.1f},{lower:.1f}"
    return f"M{start:.1f},{upper:.1f} {curve}"


def _nearest(span: Span, other: Span) -> float:
    """Where on its wall a room comes nearest to another that is not above or below it."""
    inside = min(30.0, (span[1] - span[0]) / 2)
    return span[1] - inside if span < other else span[0] + inside


def walls(n_floors: int) -> list[str]:
    """The sky, the roof, the house, the ground and the earth around the cellar."""
    ground = top_of(n_floors - CELLAR, n_floors) - EARTH
    bottom = top_of(n_floors - 1, n_floors) + STOREY + GAP / 2
    left, right = WALL, WIDTH - WALL
    eaves = f"M{left - 26},{ROOF} L{WIDTH / 2},14 L{right + 26},{ROOF} Z"
    grass = f"M0,{ground} H{left} M{right},{ground} H{WIDTH}"
    outline = f'stroke="{INK}" stroke-width="2" stroke-linejoin="round"'
    slabs = [top_of(index, n_floors) - GAP / 2 for index in range(1, n_floors - CELLAR)]
    return [
        rectangle(0, 0, WIDTH, bottom + 30, "#f7f8fb"),
        rectangle(0, ground, WIDTH, bottom + 30 - ground, "#eadfce"),
        rectangle(left, ROOF, right - left, bottom - ROOF, "#ffffff", outline),
        f'<path d="{eaves}" fill="#b5523b" {outline}/>',
        text(WIDTH / 2, 68, "archloom", "name roof"),
        text(WIDTH / 2, 88, "import archloom as al", "inner roof"),
        *(f'<path d="M{left},{y:.1f} H{right}" stroke="#e7e3da"/>' for y in slabs),
        f'<path d="{grass}" stroke="#6d8f4e" stroke-width="5"/>',
        rectangle(left + 1, ground, right - left - 2, bottom - ground - 1, "#f5eee2"),
        text(WIDTH / 2, ground + 22, "the cellar: all floors use it, without arrows", "note"),
    ]


def house() -> str:
    """Return the drawing as SVG text."""
    existing = {part_of(module) for module in MODULES}
    rows = [[part for part in row if part in existing] for row in ROWS]
    floors, pieces = with_corridors(rows[:-CELLAR], arrows(rows[:-CELLAR]))
    floors = [*arranged(floors, pieces), *rows[-CELLAR:]]
    height = top_of(len(floors) - 1, len(floors)) + STOREY + GAP / 2 + 30
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}"'
    rooms = [
        line
        for index, (row, colour) in enumerate(zip(floors, COLOURS, strict=True))
        for part, span in spans(row).items()
        if ">" not in part
        for line in room(part, span, top_of(index, len(floors)), colour)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            "<title>The packages of archloom as a house: a floor uses those below it</title>",
            f"<style>{STYLE}</style>",
            HEAD,
            *walls(len(floors)),
            *rooms,
            *lines(floors, pieces),
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PLACE.write_text(house(), encoding="utf-8")
