"""One checkout computes and pushes, others pull: what is done is not done again."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from archloom.workflow import dvc
from archloom.workflow.sharing import PROVENANCE, Verdict, adopt, seal
from archloom.workflow.verify import Fault, verify

TARGET = "results/autogo/nb201"
RESOURCES = Path("resources")
LAST_STAGE = Counter(build_autogo_report=1)
FROM_SEARCH = Counter(search_graphs=1, train_front=1, merge_front=1) + LAST_STAGE
FROM_PREDICTOR = Counter(train_predictor=1, choose_predictor=1) + FROM_SEARCH
FROM_LABELS = Counter(measure_labels=1, merge_labels=1) + FROM_PREDICTOR
PREDICTOR = "resources/predictors/nb201/psc.safetensors"


def flip_a_bit(path: Path) -> None:
    """Change one bit, as a failing disk does: nothing but the bytes tells."""
    content, mode = bytearray(path.read_bytes()), path.stat().st_mode
    content[0] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)


def pulled(clone, *paths: str):
    """A fresh clone with what was shared, or some of it, and the verdicts on its files."""
    checkout = clone()
    dvc.pull(checkout.root, paths)
    return checkout, adopt(checkout.root, RESOURCES)


def test_a_clone_that_pulled_runs_only_the_last_stage_and_then_nothing(clone):
    checkout, verdicts = pulled(clone)
    assert Verdict.RECOGNISED in verdicts.values()
    assert not {Verdict.OUTDATED, Verdict.UNKNOWN} & set(verdicts.values())
    assert checkout.planned(TARGET) == LAST_STAGE
    assert not verify(checkout.root, RESOURCES).problems
    checkout.run(TARGET)
    assert checkout.planned(TARGET) == Counter()


def test_a_changed_setting_or_script_runs_its_rule_and_what_follows_after_a_pull(clone):
    checkout, _ = pulled(clone)
    changed = checkout.planned(TARGET, "--config", "labels={noise_graphs: 7}")
    assert changed == FROM_LABELS
    script = checkout.root / "workflow/scripts/search_graphs.py"
    script.write_text(script.read_text() + "\nprint()\n")
    assert checkout.planned(TARGET) == FROM_SEARCH


def test_a_changed_committed_input_runs_its_rule_and_what_follows(clone):
    checkout = clone()
    (checkout.root / "labels/digits/nb201.parquet").write_text("other labels")
    dvc.pull(checkout.root)
    verdicts = adopt(checkout.root, RESOURCES)
    assert verdicts["resources/labels/nb201.parquet"] is Verdict.OUTDATED
    assert verdicts["resources/graphs/nb201.parquet"] is Verdict.RECOGNISED
    assert checkout.planned(TARGET) == FROM_LABELS


def test_a_part_of_the_files_is_enough_for_what_is_made_of_them(clone):
    checkout, verdicts = pulled(clone, "resources/predictors")
    assert verdicts["resources/labels/nb201.parquet"] is Verdict.ABSENT
    assert checkout.planned(PREDICTOR) == Counter()
    later = checkout.planned(PREDICTOR, "--config", "labels={noise_graphs: 7}")
    assert later["measure_labels"] == later["train_predictor"] == 1
    (checkout.root / "labels/digits/nb201.parquet").write_text("other labels")
    assert checkout.planned(PREDICTOR)["measure_labels"] == 1


def test_a_bit_that_flips_in_the_remote_is_found_and_its_rule_runs_again(clone, remote, shared):
    lock = yaml.safe_load((shared[0] / "dvc.lock").read_text())
    outs = lock["stages"]["artefacts@default"]["outs"]
    digest = next(out["md5"] for out in outs if out["path"] == "resources/vocabulary.json")
    stored = remote / "files/md5" / digest[:2] / digest[2:]
    flip_a_bit(stored)
    try:
        checkout, verdicts = pulled(clone)
    finally:
        flip_a_bit(stored)
    assert [path for path, one in verdicts.items() if one is Verdict.UNKNOWN] == [
        "resources/vocabulary.json"
    ]
    planned = checkout.planned("resources/segments")
    assert planned == Counter(build_vocabulary=1, build_segments=1)


def test_a_bit_that_flips_here_is_found_and_the_named_command_repairs_it(clone):
    checkout, _ = pulled(clone)
    labels = checkout.root / "resources/labels/nb201.parquet"
    flip_a_bit(labels)
    (problem,) = verify(checkout.root, RESOURCES).problems
    assert (problem.path, problem.fault) == ("resources/labels/nb201.parquet", Fault.CORRUPT)
    assert problem.rule == "merge_labels"
    program, *arguments = problem.command.split()
    assert program == "snakemake"
    assert checkout.snakemake(*arguments).returncode == 0
    assert not verify(checkout.root, RESOURCES).problems
    adopt(checkout.root, RESOURCES)
    assert checkout.planned(TARGET) == LAST_STAGE


def test_a_clone_with_a_part_of_the_files_pushes_without_losing_what_is_known(clone, shared):
    checkout, _ = pulled(clone, "resources/predictors")
    assert dvc.push(checkout.root).left_out == []
    lock, before = (
        yaml.safe_load((root / "dvc.lock").read_text())["stages"]
        for root in (checkout.root, shared[0])
    )
    assert lock["artefacts@default"]["outs"] == before["artefacts@default"]["outs"]
    known = (shared[0] / RESOURCES / PROVENANCE).read_text()
    assert (checkout.root / RESOURCES / PROVENANCE).read_text() == known


@pytest.mark.slow
def test_files_copied_without_dvc_are_recognised_with_their_provenance(shared, clone):
    checkout = clone()
    shutil.copytree(shared[0] / "resources", checkout.root / "resources")
    shutil.copytree(shared[0] / "results", checkout.root / "results")
    assert checkout.planned(TARGET) != Counter()
    seal(checkout.root, RESOURCES)
    adopt(checkout.root, RESOURCES)
    assert checkout.planned(TARGET) == Counter()
