"""``job``: outputs appear whole or not at all; ``source_digest``: what counts as changed code."""

import errno
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from archloom.errors import DataError
from archloom.workflow import job, source_digest


@pytest.fixture
def arguments(tmp_path):
    """A function that returns the command line of a job with one input and two outputs."""
    (tmp_path / "in.txt").write_text("input")

    def make(**changes: str) -> list[str]:
        options = {"settings": "{}", "seed": "7", "threads": "1", "code": "abc"} | changes
        line = ["--input", "text", str(tmp_path / "in.txt"), "--input", "none"]
        line += ["--output", "a", str(tmp_path / "out/a.txt")]
        line += ["--output", "b", str(tmp_path / "out/b.txt")]
        line += ["--wildcard", "model", "nb201", "--log", str(tmp_path / "logs/job.log")]
        line += ["--resume", str(tmp_path / "resume/job")]
        return line + [word for key, value in options.items() for word in (f"--{key}", value)]

    return make


def write_both(run):
    run.output["a"].write_text("a")
    run.output["b"].write_text("b")


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- job -----------------------------------------------------------------------------------------


def test_a_job_gets_what_the_rule_passed(arguments, tmp_path):
    with job(arguments(settings='{"top_k": 3}')) as run:
        assert run.input("text").read_text() == "input"
        assert run.inputs["none"] == []
        assert run.settings == {"top_k": 3}
        assert run.wildcards == {"model": "nb201"}
        assert (run.seed, run.threads) == (7, 1)
        write_both(run)
    assert files_in(tmp_path / "out") == ["a.txt", "b.txt"]


def test_outputs_appear_only_at_the_end(arguments, tmp_path):
    with job(arguments()) as run:
        write_both(run)
        assert not (tmp_path / "out/a.txt").exists()
        assert run.output["a"].suffix == ".txt"
    assert (tmp_path / "out/a.txt").read_text() == "a"


def test_a_failed_job_leaves_the_old_files_and_nothing_else(arguments, tmp_path, capsys):
    with job(arguments()) as run:
        write_both(run)
    with pytest.raises(SystemExit) as stop, job(arguments()) as run:
        run.output["a"].write_text("half")
        raise DataError("nothing fits: do this")
    assert stop.value.code == 1
    assert files_in(tmp_path / "out") == ["a.txt", "b.txt"]
    assert (tmp_path / "out/a.txt").read_text() == "a"
    shown = capsys.readouterr().err
    assert "error: nothing fits: do this" in shown
    assert "logs/job.log" in shown
    assert "Traceback" not in shown
    assert "Traceback" in (tmp_path / "logs/job.log").read_text()


def test_an_unexpected_error_shows_its_last_lines(arguments, capsys):
    with pytest.raises(SystemExit), job(arguments()):
        raise RuntimeError("odd thing")
    assert "RuntimeError: odd thing" in capsys.readouterr().err


def test_a_full_disk_is_explained(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit), job(arguments()) as run:
        run.output["a"].write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", "out/a.txt")
    assert files_in(tmp_path / "out") == []
    assert "out/a.txt: No space left on device. Free space" in capsys.readouterr().err


def test_an_unusable_output_folder_is_explained(arguments, tmp_path, capsys):
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(SystemExit) as stop, job(arguments()):
        raise AssertionError("the job must not start")
    assert stop.value.code == 1
    assert "out" in capsys.readouterr().err


def test_a_forgotten_output_is_an_error_and_nothing_is_published(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit), job(arguments()) as run:
        run.output["a"].write_text("a")
    assert files_in(tmp_path / "out") == []
    assert "did not write its output b" in capsys.readouterr().err


def test_an_output_may_be_a_folder_that_replaces_an_older_one(arguments, tmp_path):
    (tmp_path / "out/a.txt").mkdir(parents=True)
    (tmp_path / "out/a.txt/old").write_text("old")
    with job(arguments()) as run:
        run.output["a"].mkdir()
        (run.output["a"] / "new").write_text("new")
        run.output["b"].write_text("b")
    assert files_in(tmp_path / "out/a.txt") == ["new"]


def test_log_and_warnings_go_to_the_log_file(arguments, tmp_path):
    with job(arguments()) as run:
        warnings.warn("look out", stacklevel=1)
        write_both(run)
    text = (tmp_path / "logs/job.log").read_text()
    assert "look out" in text
    assert "start nb201" in text


def test_progress_is_logged_about_twenty_times(arguments, tmp_path):
    with job(arguments()) as run:
        for done in range(1, 101):
            run.progress(done, 100)
        write_both(run)
    assert (tmp_path / "logs/job.log").read_text().count(" of 100") == 20


def test_input_needs_exactly_one_path(arguments):
    with pytest.raises(SystemExit), job(arguments()) as run:
        run.input("none")


def test_leftovers_of_a_killed_job_are_removed(arguments, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.part-1-a.txt").write_text("half")
    with job(arguments()) as run:
        write_both(run)
    assert files_in(tmp_path / "out") == ["a.txt", "b.txt"]


def resume_folder(line) -> Path:
    with pytest.raises(SystemExit), job(line) as run:
        (run.resume / "checkpoint").write_text("state")
        raise RuntimeError("killed")
    return run.resume


def test_checkpoints_survive_a_failure_and_go_after_success(arguments, tmp_path):
    folder = resume_folder(arguments())
    assert resume_folder(arguments()) == folder
    with job(arguments()) as run:
        assert (run.resume / "checkpoint").read_text() == "state"
        write_both(run)
    assert not (tmp_path / "resume/job").exists()


@pytest.mark.parametrize("change", [{"settings": '{"a": 1}'}, {"seed": "8"}, {"code": "abd"}])
def test_checkpoints_of_other_work_are_not_offered(arguments, change):
    assert resume_folder(arguments()) != resume_folder(arguments(**change))


def test_checkpoints_of_another_input_are_not_offered(arguments, tmp_path):
    folder = resume_folder(arguments())
    (tmp_path / "in.txt").write_text("another input")
    assert resume_folder(arguments()) != folder


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_terminated_job_leaves_nothing_that_looks_finished(arguments, tmp_path, number, status):
    code = (
        "import os, signal, sys\n"
        "from archloom.workflow import job\n"
        "with job(sys.argv[1:]) as run:\n"
        "    run.output['a'].write_text('half')\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    signal.pause()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments()], env=os.environ, check=False)
    assert done.returncode == status
    assert files_in(tmp_path / "out") == []


# --- source_digest -------------------------------------------------------------------------------

PACKAGE = {
    "__init__.py": '"""Top."""\nfrom archloom.b import other\n',
    "errors.py": "class E(ValueError): ...\n",
    "a.py": "from archloom.b import used\ndef f():\n    from archloom.late import g\n    g()\n",
    "b/__init__.py": "from archloom.b.one import used\nfrom archloom.b.two import other\n",
    "b/one.py": "from archloom.errors import E\nused = 1\n",
    "b/two.py": "other = 2\n",
    "late.py": "def g():\n    return 1\n",
    "b/templates/page.html": "<p>",
}


@pytest.fixture
def digest(tmp_path):
    """A function: digest of module ``archloom.a`` in the toy package after changes to its files."""
    count = iter(range(100))

    def compute(**changes: str) -> str:
        root = tmp_path / str(next(count))
        for name, text in (PACKAGE | changes).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return source_digest("archloom.a", source=root)

    return compute


def test_the_digest_does_not_depend_on_the_place(digest):
    assert digest() == digest()


@pytest.mark.parametrize(
    "change",
    [
        {"a.py": PACKAGE["a.py"] + "x = 1\n"},
        {"b/one.py": "from archloom.errors import E\nused = 2\n"},
        {"errors.py": "class E(TypeError): ...\n"},
        {"late.py": "def g():\n    return 2\n"},
    ],
    ids=["itself", "through a package", "two steps away", "inside a function"],
)
def test_a_change_of_code_that_is_used_counts(digest, change):
    assert digest(**change) != digest()


@pytest.mark.parametrize(
    "change",
    [
        {"b/two.py": "other = 3\n"},
        {"__init__.py": "x = 1\n"},
        {"late.py": '"""Doc."""\n\n\ndef g():\n    """Doc."""\n    # comment\n    return (1)\n'},
    ],
    ids=["a sibling", "the top package", "comments, docstrings, layout"],
)
def test_what_does_not_change_the_work_does_not_count(digest, change):
    assert digest(**change) == digest()


def test_a_template_counts_with_the_module_that_names_its_folder(digest):
    renders = {"b/one.py": PACKAGE["b/one.py"] + "folder = 'templates'\n"}
    changed = {"b/templates/page.html": "<b>"}
    assert digest(**renders, **changed) != digest(**renders)
    assert digest(**changed) == digest()


def test_relative_imports_are_followed(digest):
    relative = {"b/__init__.py": "from .one import used\n", "b/one.py": "from ..late import g\n"}
    assert digest(**relative) != digest(**relative | {"late.py": "g = 5\n"})


def test_a_script_counts_with_the_modules_it_imports(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from archloom.workflow import job\nfrom archloom.errors import DataError\n")
    first = source_digest(script)
    other = tmp_path / "other.py"
    other.write_text("from archloom.errors import DataError\n")
    assert first != source_digest(other)
    assert first == source_digest(script)


def test_an_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"archloom\.nowhere"):
        source_digest("archloom.nowhere")
