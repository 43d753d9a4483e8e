"""Scripts of the benchmarks: each runs in small, and the page of results asks those who wrote."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import benchmarks
from benchmarks import recording, summarise
from devtools import BROWSER

FOLDER = Path(benchmarks.__file__).parent
SOURCES = os.pathsep.join([str(FOLDER.parent / "src"), str(FOLDER.parent)])
SCRIPTS = {
    ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts): path
    for kind in ("bench", "measure")
    for path in sorted(FOLDER.rglob(f"{kind}_*.py"))
}
FAST = """
    bench_start graphs.bench_nb201_all graphs.bench_onnx_parity graphs.bench_store
    autogo.bench_predictor_golden autogo.bench_predictor_nb201 autogo.bench_predictor_table1
    autogo.bench_psc_speed autogo.bench_score_order autogo.bench_segmentation
    autogo.bench_shape_propagation training.bench_training_step
""".split()
"""Those that take less than ten seconds in small; the others wait for the slow tests."""
WORDS = ("section", "agreement", "speeds", "row")
"""What a script says of its result on the page of results."""


def in_small(name):
    """Return a script with the marks that say when its run in small takes part."""
    marks = [] if name.removeprefix("benchmarks.") in FAST else [pytest.mark.slow]
    if "Needs the dataset" in SCRIPTS[name].read_text():
        marks.append(pytest.mark.data)
    if name.endswith("report_page"):
        marks.append(pytest.mark.skipif(BROWSER is None, reason="needs Chromium"))
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [in_small(name) for name in SCRIPTS])
def test_a_script_runs_in_small_and_words_what_it_found(name, tmp_path, monkeypatch, request):
    if request.node.get_closest_marker("data"):
        request.getfixturevalue("data_folder")
    before = {path: path.stat().st_mtime_ns for path in (FOLDER / "results").iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", name],
        cwd=FOLDER.parent,
        env=os.environ | {"ARCHLOOM_SMOKE": str(tmp_path), "PYTHONPATH": SOURCES},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert before == {path: path.stat().st_mtime_ns for path in (FOLDER / "results").iterdir()}
    found = list(tmp_path.rglob("*.json"))
    assert found and all(json.loads(path.read_text()) for path in found)
    monkeypatch.setattr(recording, "RESULTS", tmp_path)
    script = import_module(name)
    if list(tmp_path.glob("*.json")):
        assert all(getattr(script, word)() for word in WORDS if hasattr(script, word))


def test_smoke_is_an_option_of_every_script_and_leaves_the_results_alone(tmp_path):
    code = "import sys; from benchmarks import recording; print(recording.RESULTS, *sys.argv[1:])"
    for options, wanted in ((["a"], recording.RESULTS), (["--smoke", "a"], tmp_path)):
        done = subprocess.run(
            [sys.executable, "-c", code, *options],
            cwd=FOLDER.parent,
            env={name: value for name, value in os.environ.items() if name != "ARCHLOOM_SMOKE"}
            | {"PYTHONPATH": SOURCES, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(str(wanted)) and done.stdout.endswith(" a\n")


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
