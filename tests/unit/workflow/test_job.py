"""A job's outputs appear whole or not at all, with a record of what they were made of."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from archloom.errors import DataError
from archloom.workflow import job
from archloom.workflow.progress import State
from archloom.workflow.records import Content, read_records


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


def test_the_last_step_is_logged_and_not_every_one(arguments, tmp_path):
    with job(arguments()) as run:
        for done in range(1, 101):
            run.progress(done, 100)
        write_both(run)
    lines = (tmp_path / "logs/job.log").read_text().splitlines()
    assert len([line for line in lines if " of 100" in line]) < 10
    assert any("logs nb201: 100 of 100" in line for line in lines)


def test_a_tracked_item_counts_when_it_is_finished(arguments):
    with job(arguments()) as run:
        seen = [(item, run.meter.state.done) for item in run.track("abc")]
        write_both(run)
    assert seen == [("a", 0), ("b", 1), ("c", 2)]
    assert run.meter.state.done == run.meter.state.total == 3


def phase(tmp_path) -> str:
    return State.read(tmp_path / "logs/job.state.json").phase


def test_the_state_of_a_job_is_on_disk(arguments, tmp_path):
    with job(arguments()) as run:
        write_both(run)
        assert phase(tmp_path) == "running"
    assert phase(tmp_path) == "done"
    with pytest.raises(SystemExit), job(arguments()):
        raise DataError("nothing fits: do this")
    state = State.read(tmp_path / "logs/job.state.json")
    assert (state.phase, state.words) == ("failed", "error: nothing fits: do this")
    with pytest.raises(SystemExit), job(arguments()):
        sys.exit(143)
    assert phase(tmp_path) == "interrupted"


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


def test_the_record_says_what_was_made_of_what(arguments, tmp_path):
    with job(arguments(records=str(tmp_path / "records"), settings='{"top_k": 3}')) as run:
        write_both(run)
    (record,) = read_records(tmp_path)
    assert (record.rule, record.code, record.seed) == ("logs", "abc", 7)
    assert record.settings == {"top_k": 3}
    assert record.wildcards == {"model": "nb201"}
    assert record.inputs == {str(tmp_path / "in.txt"): Content(sha256("input"), 5)}
    assert record.outputs[str(tmp_path / "out/a.txt")] == Content(sha256("a"), 1)
    assert files_in(tmp_path / "records/logs") == ["job.json"]


def test_a_failed_job_has_no_record(arguments, tmp_path):
    with pytest.raises(SystemExit), job(arguments(records=str(tmp_path / "records"))):
        raise RuntimeError("odd thing")
    assert not list(read_records(tmp_path))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_input_dated_in_the_future_is_told(arguments, tmp_path):
    os.utime(tmp_path / "in.txt", (4e9, 4e9))
    with job(arguments()) as run:
        write_both(run)
    assert "in.txt is dated" in (tmp_path / "logs/job.log").read_text()
