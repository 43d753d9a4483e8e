"""The profiles: what they say of rules is true, and places stay apart from scale."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from snakemake.cli import parse_args

from archloom.config import Config
from archloom.workflow.estimates import need

WILDCARDS = {"family": "nb201", "model": "nb201", "group": "all", "kind": "psc", "shard": "1of1"}


@pytest.fixture(scope="module")
def rules(project: Path) -> dict[str, str]:
    """The text of each rule by its name."""
    text = "\n".join(path.read_text() for path in sorted((project / "rules").glob("*.smk")))
    parts = re.split(r"^ *rule (\w+):$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def slurm(project: Path) -> dict:
    """The profile of Slurm clusters."""
    return yaml.safe_load((project / "profiles/slurm/config.yaml").read_text())


def trains_on_a_device(rule: str) -> bool:
    """Tell whether a rule takes a section of settings with a device for training."""
    names = re.findall(r"\bsettings\(\s*\"(\w+)\"", rule)
    excluded = set(re.findall(r"\"(\w+)\"", "".join(re.findall(r"without=\[(.*?)\]", rule, re.S))))
    sections = [Config.model_fields[name].annotation for name in names]
    devices = [section.model_fields.get("device") for section in sections]
    known = [get_args(device.annotation) for device in devices if device]
    return any("cuda" in choices for choices in known) and "device" not in excluded


def test_the_bare_name_of_the_slurm_profile_works_in_a_checkout(project):
    link = project / "slurm"
    assert link.is_symlink()
    assert link.resolve() == project / "profiles/slurm"


@pytest.mark.parametrize("name", ["default", "local", "slurm"])
def test_snakemake_knows_every_option_of_a_profile(project, name):
    parse_args(["--profile", str(project / "profiles" / name), "--workflow-profile", "none"])


def test_gpu_rules_are_those_that_train_on_a_device(rules, slurm):
    asking = {rule for rule, values in slurm["set-resources"].items() if values.get("gpu")}
    assert asking == {name for name, text in rules.items() if trains_on_a_device(text)}
    assert asking == {name for name in rules if need(Config(), name, WILDCARDS).gpu}


def test_a_profile_names_rules_that_are_there(rules, slurm):
    assert set(slurm["set-resources"]) <= set(rules)
    assert set(slurm["groups"]) <= set(rules)
    assert set(slurm["group-components"]) <= set(slurm["groups"].values())


def test_jobs_that_need_a_gpu_travel_alone(slurm):
    assert not set(slurm["groups"]) & set(slurm["set-resources"])


def test_what_every_run_reads_says_nothing_of_a_place(project, slurm):
    everywhere, here = (
        yaml.safe_load((project / f"profiles/{name}/config.yaml").read_text())
        for name in ("default", "local")
    )
    assert not set(everywhere) & (set(slurm) | set(here))
