"""What is planned before anything runs: engine, sums, and the full scale."""

import subprocess
import sys
from pathlib import Path

import pytest

from archloom.errors import ConfigError
from archloom.workflow.engine import make_plan
from archloom.workflow.plan import stages, total

TARGET = "results/autogo/nb201"


@pytest.fixture(scope="module")
def full(project):
    return make_plan(["everything"], [project / "config/full.yaml"], root=project)


def test_the_plan_is_that_of_snakemake(checkout):
    found = make_plan([TARGET], config={"search": {"top_k": 3}}, root=checkout.root)
    assert {stage.rule: stage.jobs for stage in stages(found)} == checkout.planned(TARGET)
    assert found.settings.search.top_k == 3
    (search,) = (job for job in found.jobs if job.rule == "search_graphs")
    assert search.wildcards == {"model": "nb201"}
    assert "resources/search/nb201/front.parquet" in search.outputs
    assert search.resources["mem_mb"] == 2500
    assert "Missing output files" in search.reason


def test_nothing_is_planned_where_all_is_there(finished):
    assert make_plan([TARGET], root=finished.root).jobs == ()


@pytest.mark.parametrize(
    ("targets", "config", "says"),
    [
        (["results/autogo/nb210"], {}, "Did you mean nb201"),
        ([TARGET], {"search": {"topk": 3}}, "Did you mean search.top_k"),
        (["nothing"], {}, "No rule to produce nothing"),
    ],
)
def test_a_typo_is_told_without_a_trace(checkout, targets, config, says):
    with pytest.raises(ConfigError) as told:
        make_plan(targets, config=config, root=checkout.root)
    assert says in str(told.value)
    assert "Traceback" not in str(told.value)


def test_a_folder_without_a_workflow_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="there is no workflow"):
        make_plan([TARGET], root=tmp_path)


def test_the_full_scale_is_some_hundred_jobs(full):
    found = {stage.rule: stage for stage in stages(full)}
    assert 400 < len(full.jobs) < 1000
    assert found["measure_labels"].jobs == 4 * full.settings.labels.jobs
    assert found["train_predictor"].jobs == 7 * 5  # five families, all of them of either kind
    assert found["build_autogo_report"].jobs == 8
    assert found["retrieve_file"].read == found["retrieve_file"].written > 1e6


def test_only_stages_that_train_use_a_gpu(full):
    with_gpu = {stage.rule for stage in stages(full) if stage.gpu_hours}
    assert with_gpu == {"measure_labels", "train_predictor", "train_front"}


def test_sums_are_over_all_stages(full):
    found = stages(full)
    whole = total(found)
    assert whole.jobs == len(full.jobs)
    assert whole.gpu_hours == pytest.approx(sum(stage.gpu_hours for stage in found))
    assert whole.memory_mb == max(stage.memory_mb for stage in found)
    assert total([]).jobs == 0


def test_the_command_prints_the_table(checkout):
    program = Path(sys.executable).parent / "archloom"
    command = [program, "plan", TARGET, "--root", checkout.root]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "measure_labels" in shown
    assert "total" in shown
    assert "upper bounds" in shown
