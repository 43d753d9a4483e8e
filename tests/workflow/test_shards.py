"""Stages that are split into jobs: what is planned, and what a failure costs."""

from collections import Counter

TARGET = "results/autogo/nb201"
WIDE = (
    "labels={jobs: 3}",
    "psc_index={jobs: 2}",
    "predictor={seeds: 4}",
    "front_training={jobs: 6}",
)
FAILS_ONCE = """
from pathlib import Path

from archloom.workflow import job

with job() as run:
    if run.wildcards["shard"] == "2of3" and not Path("failed").exists():
        Path("failed").touch()
        raise RuntimeError("this shard fails once")
    for name, path in run.output.items():
        path.write_text(name)
"""


def test_every_wide_stage_has_as_many_jobs_as_the_settings_say(checkout):
    planned = checkout.planned(TARGET, "--config", *WIDE)
    wide = ("measure_labels", "build_psc_index", "train_predictor", "train_front")
    assert [planned[rule] for rule in wide] == [3, 2, 4, 6]
    merging = ("merge_labels", "merge_psc_index", "choose_predictor", "merge_front")
    assert {planned[rule] for rule in merging} == {1}


def test_a_failed_shard_is_redone_alone(checkout):
    (checkout.root / "workflow/scripts/measure_labels.py").write_text(FAILS_ONCE)
    target = "resources/labels/nb201.parquet"
    arguments = (target, "--config", "labels={jobs: 3}")
    failed = checkout.snakemake(*arguments, "--cores", "1", "--keep-going")
    assert failed.returncode != 0
    assert "this shard fails once" in failed.stdout + failed.stderr
    assert checkout.planned(*arguments) == Counter(measure_labels=1, merge_labels=1)
    checkout.run(*arguments)
    assert (checkout.root / target).is_file()


def test_more_seeds_of_the_predictor_keep_those_that_are_trained(finished):
    planned = finished.planned(TARGET, "--config", "predictor={seeds: 3}")
    assert planned["train_predictor"] == 2
    assert planned["choose_predictor"] == 1
    assert planned["measure_labels"] == 0


def test_a_search_in_steps_goes_on_where_more_iterations_are_wanted(checkout):
    front = "resources/search/nb201/front.parquet"

    def steps(iterations, jobs=2):
        return (front, "--config", f"search={{jobs: {jobs}, iterations: {iterations}}}")

    planned = checkout.planned(*steps(3))
    names = ("start_search", "mutate_parents", "finish_iteration", "finish_search")
    assert [planned[name] for name in names] == [1, 6, 3, 1]
    checkout.run(*steps(1))
    assert checkout.planned(*steps(1)) == Counter()
    more = Counter(mutate_parents=2, finish_iteration=1, finish_search=1)
    assert checkout.planned(*steps(2)) == more
