"""What a job says of its progress, and the state that others read."""

import json
import logging

import pytest

from archloom.errors import FormatError
from archloom.workflow import progress
from archloom.workflow.progress import Meter, State, read_states


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set; it starts at 1000 seconds."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(progress.time, "time", lambda: Clock.now)
    return Clock


@pytest.fixture
def meter(tmp_path, clock):
    made = Meter(tmp_path / "logs/measure_labels/nb201.log", {"family": "nb201"})
    yield made
    made.end("done")


def lines(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_line_tells_rate_and_remaining_time(meter, clock, caplog):
    caplog.set_level(logging.INFO)
    meter.update(0, 320)
    clock.now += 40
    meter.update(120, 320)
    assert lines(caplog)[-1] == "measure_labels nb201: 120 of 320, 3 per s, 1 min 7 s left"


def test_steps_of_an_earlier_run_do_not_count_for_the_rate(meter, clock, caplog):
    caplog.set_level(logging.INFO)
    meter.update(200, 320)
    clock.now += 10
    meter.update(220, 320)
    assert lines(caplog)[-1] == "measure_labels nb201: 220 of 320, 2 per s, 50 s left"


def test_lines_are_seconds_apart_and_the_last_step_always_has_one(meter, clock, caplog):
    caplog.set_level(logging.INFO)
    for done in range(1, 101):
        clock.now += 1
        meter.update(done, 100)
    numbers = [int(line.split()[2]) for line in lines(caplog)]
    assert numbers == [*range(5, 61, 5), 90, 100]


def test_the_state_is_read_as_it_was_written(meter, tmp_path, clock, monkeypatch):
    clock.now += 60
    meter.update(60, 60)
    ((state, seen),) = read_states(tmp_path / "logs")
    assert state == meter.state
    assert (state.rule, state.phase, state.done) == ("measure_labels", "running", 60)
    meter.end("failed", "error: no space")
    ((state, _),) = read_states(tmp_path / "logs")
    assert (state.phase, state.words, state.ended) == ("failed", "error: no space", 1060.0)


def test_a_batch_job_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    meter = Meter(tmp_path / "logs/rule/one.log", {})
    meter.end("done")
    assert meter.state.place == "slurm 42"


def test_a_folder_that_cannot_be_written_does_not_stop_the_job(tmp_path):
    (tmp_path / "logs").write_text("a file")
    meter = Meter(tmp_path / "logs/rule/one.log", {})
    meter.update(1, 2)
    meter.end("done")
    assert meter.state.phase == "done"


@pytest.mark.parametrize("text", ["", "[1]", '{"format": "archloom-state/9"}', "half"])
def test_damaged_states_are_left_out_of_the_list_and_named_when_read(tmp_path, text):
    path = tmp_path / "logs/rule/one.state.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert not list(read_states(tmp_path / "logs"))
    with pytest.raises(FormatError, match=r"one\.state\.json"):
        State.read(path)


def test_a_surplus_field_is_damage(meter, tmp_path):
    path = tmp_path / "logs/measure_labels/nb201.state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"surplus": 1}))
    with pytest.raises(FormatError, match="surplus"):
        State.read(path)
