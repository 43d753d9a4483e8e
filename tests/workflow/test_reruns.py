"""Which rules run again, and which do not, after a change."""

import os
import shutil
from collections import Counter

import pytest

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


def config(text: str) -> list[str]:
    return [TARGET, "--config", text]


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
    assert finished.planned(*config(change)) == expected


def test_nothing_runs_in_a_moved_checkout_whose_files_are_all_newly_stamped(finished, tmp_path):
    copy = type(finished)(tmp_path / "moved")
    shutil.copytree(finished.root, copy.root)
    for folder in ("rules", "workflow", "config"):
        for path in (copy.root / folder).rglob("*"):
            os.utime(path)
    assert copy.planned(TARGET) == Counter()


def test_a_changed_script_runs_its_rule_and_a_comment_does_not(finished, tmp_path):
    copy = type(finished)(tmp_path / "edited")
    shutil.copytree(finished.root, copy.root)
    script = copy.root / "workflow/scripts/train_front.py"
    script.write_text(script.read_text() + "\n# a remark\n")
    assert copy.planned(TARGET) == Counter()
    script.write_text(script.read_text() + "\nvalue = 1\n")
    assert copy.planned(TARGET) == FRONT_AND_AFTER


def test_known_labels_are_an_input(finished, tmp_path):
    copy = type(finished)(tmp_path / "labelled")
    shutil.copytree(finished.root, copy.root)
    (copy.root / "labels/digits").mkdir(parents=True)
    (copy.root / "labels/digits/hiaml.parquet").write_text("known")
    assert copy.planned(TARGET)["measure_labels"] == 0  # nb201 has a predictor of its own
    (copy.root / "labels/digits/nb201.parquet").write_text("known")
    assert copy.planned(TARGET)["measure_labels"] == 1


def test_one_predictor_of_all_families_needs_all_their_labels(finished):
    planned = finished.planned(*config("predictor={own_family: false}"))
    assert planned["train_predictor"] == 1
    assert planned["measure_labels"] == planned["split_family"] == 2  # those of nb201 are there


def test_a_run_with_a_name_has_files_of_its_own(finished):
    named = finished.planned("results/other/autogo/nb201", "--config", "run={name: other}")
    assert named == EVERYTHING
