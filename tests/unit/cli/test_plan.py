"""The plan of a run fits terminals: whole cells at 80 columns, all columns where there is room."""

import io

import pytest
from rich.console import Console

from archloom.cli import plan
from archloom.workflow.plan import PlannedStage, total

STAGES = [
    PlannedStage("measure_published_latency", 4060, 32, 35_800, 2313, 19368, 0, 61, 10**8, False),
    PlannedStage("measure_labels", 48, 2, 8000, 183, 19734, 19864.1, 388 * 10**6, 4 * 10**11, True),
]


@pytest.mark.parametrize(("narrow", "width"), [(True, 80), (False, 96)])
def test_no_cell_is_cut(narrow, width):
    shown = io.StringIO()
    table = plan._table([*STAGES, total(STAGES)], narrow)
    Console(file=shown, width=width).print(table)
    text = shown.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    assert "measure_published_latency" in text and "19,864.1*" in text and "1 d 14 h" in text
    assert ("388 MB" in text) == (not narrow)
