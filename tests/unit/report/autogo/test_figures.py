"""Figures: deterministic, embeddable, and never in need of a display."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from archloom.report.autogo.figures import (
    pareto_figure,
    rejection_figure,
    search_figure,
)
from archloom.report.autogo.verdict import Measured
from archloom.report.record import read_search
from archloom.report.style import to_svg
from report_world import make_run

MEASURED = {0: Measured((0.95, 0.96)), 1: Measured((0.97,))}


@pytest.fixture
def record(tmp_path):
    run = make_run(tmp_path)
    return read_search(run.files.stats, run.files.visited)


def test_the_same_data_give_the_same_bytes(record):
    assert to_svg(pareto_figure(record, MEASURED)) == to_svg(pareto_figure(record, MEASURED))


def test_the_pareto_figure_has_a_second_panel_only_with_measurements(record):
    assert len(pareto_figure(record, {}).axes) == 1
    assert len(pareto_figure(record, MEASURED).axes) == 2


def test_every_front_member_and_visited_graph_is_in_the_figure(record):
    axes = pareto_figure(record, {}).axes[0]
    scattered = sum(len(part.get_offsets()) for part in axes.collections)
    assert scattered == len(record.visited)
    (front,) = [line for line in axes.lines if line.get_label().startswith("front")]
    assert len(front.get_xdata()) == len(record.winners)


def test_many_points_are_drawn_as_a_picture(tmp_path):
    def size(visited: int) -> int:
        run = make_run(tmp_path / str(visited), visited=visited)
        record = read_search(run.files.stats, run.files.visited)
        return len(to_svg(pareto_figure(record, {})))

    assert size(20_000) < 2 * size(2_900)


def test_the_best_score_never_falls(record):
    (line,) = search_figure(record).axes[0].lines
    best = list(line.get_ydata())
    assert best == sorted(best) and best[0] == record.baseline.score


def test_rejections_are_sorted_and_the_rare_ones_joined(record):
    many = replace(record, rejected={f"reason {i}": i for i in range(1, 31)})
    axes = rejection_figure(many).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()][::-1]
    assert names[0] == "reason 30" and names[-1] == "other reasons" and len(names) == 13
    assert sum(bar.get_width() for bar in axes.patches) == sum(range(1, 31))


def test_a_search_without_rejections_and_winners_can_be_drawn(record):
    bare = replace(record, rejected={}, winners=())
    for figure in (pareto_figure(bare, {}), rejection_figure(bare), search_figure(bare)):
        ET.fromstring(to_svg(figure))
