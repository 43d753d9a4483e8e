"""What a run has done, is doing and failed to do."""

import os
import subprocess
import sys

import pytest

from archloom.workflow import status
from archloom.workflow.status import last_lines, stages
from command_line import run as run_command


def dead_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def phases(run) -> dict[str, tuple[int, int, int, int]]:
    return {
        stage.rule: tuple(map(len, (stage.made, stage.running, stage.failed, stage.killed)))
        for stage in stages(run.folders, run.root)
    }


def test_stages_come_in_the_order_in_which_they_began(run):
    run.did("train", "a", minute=7)
    run.did("build", "b", minute=3)
    run.did("build", "a", minute=9)
    assert phases(run) == {"build": (2, 0, 0, 0), "train": (1, 0, 0, 0)}


def test_sizes_and_times_add_up_and_memory_is_the_largest(run):
    run.did("build", "a", seconds=5)
    run.did("build", "b", seconds=7)
    run.cost("build", "a", 6.5, 300)
    run.cost("build", "b", 8.5, 200)
    (stage,) = stages(run.folders, run.root)
    assert (stage.seconds, stage.size, stage.memory) == (15.0, 200, 300 * 2**20)


@pytest.mark.parametrize("table", ["", "s\tmax_rss\n", "s\tmax_rss\n-\t-\n", "what\n1\n"])
def test_a_benchmark_table_without_figures_is_no_error(run, table):
    run.did("build", "a", seconds=5)
    run.cost("build", "a", 1, 1)
    (run.folders.logs / "build/a.tsv").write_text(table)
    (stage,) = stages(run.folders, run.root)
    assert (stage.seconds, stage.memory) == (5.0, 0.0)


def test_a_running_job_is_known_by_its_process(run):
    run.says("train", "a")
    run.says("train", "b", process=dead_process())
    assert phases(run) == {"train": (0, 1, 0, 1)}


def test_a_running_job_elsewhere_is_known_by_its_sign_of_life(run):
    run.says("train", "a", host="node1")
    run.says("train", "b", host="node1")
    os.utime(run.folders.logs / "train/b.state.json", (0, 0))
    assert phases(run) == {"train": (0, 1, 0, 1)}


def test_a_sign_of_life_from_the_future_is_none(run):
    run.says("train", "a", host="node1")
    os.utime(run.folders.logs / "train/a.state.json", (4e9, 4e9))
    assert phases(run) == {"train": (0, 0, 0, 1)}


def test_a_job_that_was_done_again_is_not_counted_as_failed(run):
    run.did("train", "a")
    run.says("train", "a", phase="done")
    run.says("train", "b", phase="failed", words="error: no space")
    assert phases(run) == {"train": (1, 0, 1, 0)}


def test_an_interrupted_job_counts_as_killed(run):
    run.says("train", "a", phase="interrupted")
    assert phases(run) == {"train": (0, 0, 0, 1)}


def test_deleted_outputs_are_noticed(run):
    run.did("build", "a")
    (run.root / "resources/build/a.txt").unlink()
    (stage,) = stages(run.folders, run.root)
    assert not stage.made[0].is_present


def test_the_last_lines_of_a_log(run):
    run.says("train", "a")
    assert last_lines(run.folders.logs / "train/a.log", 2) == ["two", "last of a"]
    assert not last_lines(run.folders.logs / "nowhere.log")


def test_the_command_shows_stages_progress_and_problems(run, capsys):
    run.did("build", "a")
    run.says("train", "b", done=120, total=320, per_second=2.0)
    run.says("train", "c", phase="failed", words="error: it is full")
    assert run_command("status", "--root", run.root) == 0
    shown = capsys.readouterr().out
    for words in ("build", "120 of 320, 2 per s, 1 min 40 s left", "train c: error: it is full"):
        assert words in shown
    assert "last of c" in shown
    assert "logs/train/c.log" in shown


def test_the_command_says_that_nothing_has_run(run, capsys):
    assert run_command("status", "--root", run.root) == 1
    assert "nothing has run here" in capsys.readouterr().err


def test_a_sign_of_life_grows_old(run, monkeypatch):
    run.says("train", "a", host="node1")
    later = status.time.time() + status.SILENCE_SECONDS + 1
    monkeypatch.setattr(status.time, "time", lambda: later)
    assert phases(run) == {"train": (0, 0, 0, 1)}
