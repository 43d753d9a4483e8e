"""Names, durations, sizes and rates in words."""

import pytest

from archloom.workflow.words import duration, job_name, pace, size


def test_a_job_is_named_by_its_rule_and_wildcards():
    assert job_name("train_front", {"model": "nb201", "shard": "1of2"}) == "train_front nb201 1of2"
    assert job_name("build_segments", {}) == "build_segments"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (48.2, "48 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(512, "512 B"), (1500, "1.5 kB"), (230e6, "230 MB"), (4.1e9, "4.1 GB"), (2e12, "2 TB")],
)
def test_sizes(number, words):
    assert size(number) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(3.14159, "3.14 per s"), (0.05, "3 per min"), (0.001, "3.6 per h")]
)
def test_rates(rate, words):
    assert pace(rate) == words
