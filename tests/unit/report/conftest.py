"""Fixtures of the report's tests."""

from pathlib import Path

import pytest

from report_world import BETTER, Run, make_run


@pytest.fixture
def finished_run(tmp_path: Path) -> Run:
    """A run with three winners, two of them trained, the first clearly better."""
    return make_run(tmp_path / "run", accuracies=BETTER)
