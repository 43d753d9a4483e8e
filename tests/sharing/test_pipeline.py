"""Every path that dvc.yaml names is made by a rule, and the commands name what rules make."""

import re
from pathlib import Path

import pytest
import yaml

from archloom.workflow.sharing import PROVENANCE

OUTPUT = re.compile(r'"((?:<resources>|<results>|resources/data)/[^"]*)"')


@pytest.fixture(scope="module")
def outputs(project: Path) -> set[str]:
    """The outputs of all rules, with wildcards."""
    text = "\n".join(file.read_text() for file in sorted((project / "rules").glob("*.smk")))
    blocks = re.findall(r"\n( +)output:\n((?:\1 +.*\n)+)", text)
    found = {path for _, block in blocks for path in OUTPUT.findall(block)}
    return {re.sub("<(resources|results)>", r"\1", path) for path in found}


@pytest.fixture(scope="module")
def stages(project: Path) -> dict[str, dict]:
    """The stages, with the variables of the run without a name filled in."""
    pipeline = yaml.safe_load((project / "dvc.yaml").read_text())
    values = pipeline["vars"][0]["runs"]["default"]
    text = yaml.safe_dump(pipeline["stages"])
    for name, value in values.items():
        text = text.replace(f"${{item.{name}}}", value)
    return {name: stage.get("do", stage) for name, stage in yaml.safe_load(text).items()}


def paths_of(stage: dict, part: str) -> list[str]:
    return [path if isinstance(path, str) else next(iter(path)) for path in stage.get(part, [])]


def test_every_output_is_one_of_a_rule_or_a_folder_of_them(outputs, stages):
    shared = [path for stage in stages.values() for path in paths_of(stage, "outs")]
    for path in shared:
        if Path(path).name != PROVENANCE:
            assert path in outputs or any(made.startswith(f"{path}/") for made in outputs), path
    assert len(shared) == len(set(shared)) > 5


def test_outputs_are_never_deleted_by_dvc(stages):
    for stage in stages.values():
        assert all(out[path]["persist"] for out in stage["outs"] for path in out)


def test_every_target_of_a_command_is_an_output_of_a_rule(outputs, stages):
    patterns = [re.sub(r"\\{\w+\\}", "[^/]+", re.escape(made)) for made in outputs]
    for stage in stages.values():
        for target in re.findall(r"(?:resources|results)/\S+", stage["cmd"].split("&&")[0]):
            assert any(re.fullmatch(pattern, target) for pattern in patterns), target


def test_dependencies_are_here_or_made_by_another_stage(project, stages):
    made = {path for stage in stages.values() for path in paths_of(stage, "outs")}
    for stage in stages.values():
        for path in paths_of(stage, "deps"):
            assert path in made or (project / path).exists() or path.endswith("/records"), path


def test_the_cluster_profiles_ask_for_a_gpu_for_the_same_rules(project):
    asking = []
    for name in ("slurm", "kubernetes"):
        profile = yaml.safe_load((project / f"profiles/{name}/config.yaml").read_text())
        rules = profile["set-resources"]
        asking.append({rule for rule, wants in rules.items() if wants.get("gpu")})
    assert asking[0] == asking[1] != set()
