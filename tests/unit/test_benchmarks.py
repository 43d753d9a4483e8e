"""Scripts of the benchmarks: each can be started, and the page of results asks those who wrote."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import benchmarks
from benchmarks import recording, summarise

FOLDER = Path(benchmarks.__file__).parent
SCRIPTS = {
    f"benchmarks.{path.parent.name}.{path.stem}": path
    for kind in ("bench", "measure")
    for path in sorted(FOLDER.glob(f"*/{kind}_*.py"))
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_started_as_it_says(name):
    script = import_module(name)
    assert callable(script.main)
    assert f"python -m {name}" in script.__doc__


def test_every_script_that_has_a_section_stands_on_the_page():
    told = [one.__name__ for one in summarise.SECTIONS if isinstance(one, ModuleType)]
    assert sorted(told) == sorted(
        name for name in SCRIPTS if hasattr(import_module(name), "section")
    )


def test_what_is_recorded_is_read_back(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recording, "RESULTS", tmp_path)
    path = recording.record("speed", {"ms": 2.0}, seeds=[1], note="a note")
    assert str(path) in capsys.readouterr().out
    assert recording.figures("speed") == {"ms": 2.0}
    assert recording.result("speed")["seeds"] == [1]


def test_a_table_has_a_line_under_its_head():
    assert recording.table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"
    assert recording.listed([0.123, 1], " / ") == "0.12 / 1.00"
