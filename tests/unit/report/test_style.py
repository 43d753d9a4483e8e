"""Figures as files and as parts of a page."""

import re
import xml.etree.ElementTree as ET

from archloom.report.style import embedded, save_png, styled, to_svg, write_figure


def drawn():
    with styled(3, 2) as figure:
        axes = figure.subplots()
        axes.plot([1, 2], [2, 1], label="line")
        axes.legend()
    return figure


def test_a_figure_is_written_and_handed_to_the_page(tmp_path):
    inline = write_figure(drawn(), tmp_path, "course", "Course of the search")
    written = (tmp_path / "figures" / "course.svg").read_text()
    assert written == to_svg(drawn()) and inline == embedded(
        written, "course", "Course of the search"
    )


def test_embedded_figures_have_ids_of_their_own_and_page_colours():
    svg = embedded(to_svg(drawn()), "pareto", "label")
    ET.fromstring(svg)
    assert svg.startswith("<svg") and 'aria-label="label"' in svg and "metadata" not in svg
    ids = set(re.findall(r'\bid="([^"]+)"', svg))
    assert ids and all(name.startswith("pareto-") for name in ids)
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    assert used and set(used) <= ids
    assert "var(--ink)" in svg and "#1b2733" not in svg


def test_png_files_are_written(tmp_path):
    path = tmp_path / "deep" / "figure.png"
    save_png(drawn(), path)
    assert path.read_bytes().startswith(b"\x89PNG")
