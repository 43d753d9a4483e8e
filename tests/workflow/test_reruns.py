"""Which rules run again, and which do not, after a change."""

import json
import os
import shutil
from collections import Counter

import pytest
import yaml

from archloom.workflow.engine import CHECKSUM_BYTES, make_plan
from stub_workflow import Checkout

TARGET = "results/autogo/nb201"
EVERYTHING = Counter(
    build_family=3,
    split_family=1,
    measure_labels=1,
    merge_labels=1,
    build_psc_index=1,
    merge_psc_index=1,
    build_vocabulary=1,
    build_segments=1,
    train_predictor=1,
    choose_predictor=1,
    read_model=1,
    search_graphs=1,
    train_front=1,
    merge_front=1,
    build_autogo_report=1,
)
INDEX = Counter(build_psc_index=1, merge_psc_index=1)
FRONT_AND_AFTER = Counter(train_front=1, merge_front=1, build_autogo_report=1)
SEARCH_AND_AFTER = FRONT_AND_AFTER + Counter(search_graphs=1)
CHOICE_AND_AFTER = SEARCH_AND_AFTER + Counter(choose_predictor=1)
PREDICTOR_AND_AFTER = CHOICE_AND_AFTER + Counter(train_predictor=1)
LABELS_AND_AFTER = PREDICTOR_AND_AFTER + Counter(measure_labels=1, merge_labels=1)


def rules(*names: str) -> Counter:
    return Counter({name: EVERYTHING[name] for name in names})


def planned_with(checkout: Checkout, change: str) -> Counter:
    """What is planned with a setting as it is written after ``--config``."""
    section, _, values = change.partition("=")
    found = make_plan([TARGET], config={section: yaml.safe_load(values)}, root=checkout.root)
    return Counter(job.rule for job in found.jobs)


def test_a_fresh_checkout_runs_every_stage(checkout):
    assert checkout.planned(TARGET) == EVERYTHING


def test_a_second_run_does_nothing(finished):
    assert finished.planned(TARGET) == Counter()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("search={top_k: 3}", SEARCH_AND_AFTER),
        ("search={n_jobs: 2}", Counter()),
        ("front_training={seeds: 5}", FRONT_AND_AFTER),
        ("front_training={members: 2}", FRONT_AND_AFTER),
        ("report={members: 2}", rules("build_autogo_report")),
        (
            "predictor={training: {epochs: 9}}",
            PREDICTOR_AND_AFTER,
        ),
        (
            "vocabulary={size: 500}",
            rules("build_vocabulary", "build_segments") + INDEX + PREDICTOR_AND_AFTER,
        ),
        ("labels={noise_graphs: 7}", LABELS_AND_AFTER),
        ("data={mirror: /nowhere}", Counter()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_setting_runs_its_stage_and_what_follows(finished, change, expected):
    assert planned_with(finished, change) == expected


def test_nothing_runs_in_a_moved_checkout_whose_files_are_all_newly_stamped(finished, tmp_path):
    copy = type(finished)(tmp_path / "moved")
    shutil.copytree(finished.root, copy.root)
    for folder in ("rules", "workflow", "config"):
        for path in (copy.root / folder).rglob("*"):
            os.utime(path)
    assert copy.planned(TARGET) == Counter()


def touched(copy: Checkout, name: str) -> None:
    """Give a file the present as its time stamp, later than all that was made before."""
    os.utime(copy.root / name)


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of what is finished, to be changed."""
    return finished.copy(tmp_path / "copy")


CHANGED_SCRIPTS = {
    "build_family": EVERYTHING - Counter(read_model=1),
    "split_family": rules("split_family") + PREDICTOR_AND_AFTER,
    "measure_labels": LABELS_AND_AFTER,
    "merge_labels": LABELS_AND_AFTER - Counter(measure_labels=1),
    "build_vocabulary": rules("build_vocabulary", "build_segments") + INDEX + PREDICTOR_AND_AFTER,
    "build_segments": rules("build_segments") + SEARCH_AND_AFTER,
    "build_psc_index": INDEX + PREDICTOR_AND_AFTER,
    "merge_psc_index": rules("merge_psc_index") + PREDICTOR_AND_AFTER,
    "train_predictor": PREDICTOR_AND_AFTER,
    "choose_predictor": CHOICE_AND_AFTER,
    "read_model": rules("read_model") + SEARCH_AND_AFTER,
    "search_graphs": SEARCH_AND_AFTER,
    "train_front": FRONT_AND_AFTER,
    "merge_front": FRONT_AND_AFTER - Counter(train_front=1),
    "build_autogo_report": rules("build_autogo_report"),
}


def test_the_scripts_are_those_of_all_stages():
    assert CHANGED_SCRIPTS.keys() == EVERYTHING.keys()


@pytest.mark.parametrize("name", CHANGED_SCRIPTS)
def test_a_changed_script_runs_its_rule_and_what_follows(copy, name):
    script = copy.root / f"workflow/scripts/{name}.py"
    script.write_text(script.read_text() + "\nvalue = 1\n")
    planned = make_plan([TARGET], root=copy.root).jobs
    assert Counter(job.rule for job in planned) == CHANGED_SCRIPTS[name]


def test_a_comment_in_a_script_runs_nothing(copy):
    for script in (copy.root / "workflow/scripts").glob("*.py"):
        script.write_text(script.read_text() + "\n# a remark\n")
    assert copy.planned(TARGET) == Counter()


CHANGED_MODULES = {
    "data/splits": CHANGED_SCRIPTS["split_family"],
    "train/trainer": LABELS_AND_AFTER,
    "train/measurement": LABELS_AND_AFTER,
    "segments/training": CHANGED_SCRIPTS["build_vocabulary"],
    "segments/psc_index": INDEX + PREDICTOR_AND_AFTER,
    "predict/selection": CHOICE_AND_AFTER,
    "search/graphs/mutation": SEARCH_AND_AFTER,
    "report/page": rules("build_autogo_report"),
    "workflow/job": Counter(),
    "cli/optimise": Counter(),
}


CHANGE_MODULES = """
import json, sys
from collections import Counter
from pathlib import Path

from archloom.workflow.engine import make_plan

target, *names = sys.argv[1:]
found = {}
for name in names:
    path = Path("src/archloom", name + ".py")
    before = path.read_text()
    path.write_text(before + "NEW = 1")
    found[name] = Counter(job.rule for job in make_plan([target]).jobs)
    path.write_text(before)
print(json.dumps(found))
"""


def test_a_changed_module_runs_the_rules_that_use_it_and_what_follows(finished, project, tmp_path):
    copy = finished.copy(tmp_path / "copy", project)
    done = copy.python("-c", CHANGE_MODULES, TARGET, *CHANGED_MODULES)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == CHANGED_MODULES


CHANGED_INPUTS = {
    "resources/graphs/two_path.parquet": CHANGED_SCRIPTS["build_vocabulary"],
    "resources/splits/nb201.json": PREDICTOR_AND_AFTER,
    "resources/labels/shards/nb201/1of1.parquet": CHANGED_SCRIPTS["merge_labels"],
    "resources/labels/nb201.parquet": PREDICTOR_AND_AFTER,
    "resources/vocabulary.json": CHANGED_SCRIPTS["build_vocabulary"] - Counter(build_vocabulary=1),
    "resources/psc_index/nb201.parquet": PREDICTOR_AND_AFTER,
    "resources/predictors/nb201/seeds/psc-0.safetensors": CHOICE_AND_AFTER,
    "resources/predictors/nb201/psc.json": SEARCH_AND_AFTER,
    "resources/models/nb201.json": SEARCH_AND_AFTER,
    "resources/search/nb201/front.parquet": FRONT_AND_AFTER,
    "resources/front/nb201/labels.parquet": rules("build_autogo_report"),
}


@pytest.mark.parametrize("name", CHANGED_INPUTS)
def test_changed_content_runs_what_follows_and_a_new_time_stamp_nothing(copy, name):
    touched(copy, name)
    assert make_plan([TARGET], root=copy.root).jobs == ()
    (copy.root / name).write_text("other")
    planned = make_plan([TARGET], root=copy.root).jobs
    assert Counter(job.rule for job in planned) == CHANGED_INPUTS[name]


LARGE = """
from archloom.workflow import job

with job() as run:
    for name, path in run.output.items():
        path.write_bytes(bytes(3_000_000))
"""


def test_a_new_time_stamp_of_a_large_input_runs_nothing(checkout):
    (checkout.root / "workflow/scripts/build_family.py").write_text(LARGE)
    target, graphs = "resources/splits/nb201.json", "resources/graphs/nb201.parquet"
    checkout.run(target)
    touched(checkout, graphs)
    assert checkout.planned(target) == Counter()
    (checkout.root / graphs).write_bytes(bytes(2_999_999) + b"1")
    assert checkout.planned(target) == Counter(split_family=1)


def test_what_was_retrieved_is_not_fetched_again_for_code(checkout):
    target = "resources/data/autogo_vocab/encoder.json"
    checkout.run(target)
    script = checkout.root / "workflow/scripts/retrieve_file.py"
    script.write_text(script.read_text() + "\nvalue = 1\n")
    assert checkout.planned(target) == Counter()


def test_the_engine_compares_files_of_the_same_size_as_the_profile(project):
    profile = yaml.safe_load((project / "profiles/default/config.yaml").read_text())
    assert profile["max-checksum-file-size"] == CHECKSUM_BYTES


def test_known_labels_are_an_input(finished, tmp_path):
    copy = type(finished)(tmp_path / "labelled")
    shutil.copytree(finished.root, copy.root)
    (copy.root / "labels/digits").mkdir(parents=True)
    (copy.root / "labels/digits/hiaml.parquet").write_text("known")
    assert copy.planned(TARGET)["measure_labels"] == 0  # nb201 has a predictor of its own
    (copy.root / "labels/digits/nb201.parquet").write_text("known")
    assert copy.planned(TARGET)["measure_labels"] == 1


def test_one_predictor_of_all_families_needs_all_their_labels(finished):
    planned = planned_with(finished, "predictor={own_family: false}")
    assert planned["train_predictor"] == 1
    assert planned["measure_labels"] == planned["split_family"] == 2  # those of nb201 are there


def test_a_run_with_a_name_has_files_of_its_own(finished):
    named = finished.planned("results/other/autogo/nb201", "--config", "run={name: other}")
    assert named == EVERYTHING
