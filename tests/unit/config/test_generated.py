"""The files made from the settings, and the configurations that lie beside them."""

import pytest
import yaml

from archloom.config import Config
from archloom.config.generated import GENERATED, default_text
from archloom.config.models import read_models
from archloom.config.reading import check_config, load_config

CONFIGURATIONS = ["config/published.yaml", "config/combined.yaml", "config/test/tiny.yaml"]


@pytest.mark.parametrize(("file", "text"), GENERATED.items())
def test_generated_files_are_fresh(project, file, text):
    assert (project / file).read_text() == text(), "stale: run `make schema`"


def test_the_default_file_says_what_the_model_says():
    assert check_config(yaml.safe_load(default_text())) == Config()


@pytest.mark.parametrize("file", CONFIGURATIONS)
def test_shipped_configurations_are_valid_over_the_defaults(project, file):
    config = load_config([project / "config/default.yaml", project / file])
    assert config != Config()
    assert read_models(project / config.models)


def test_the_two_configurations_share_no_cache(project):
    default, published = (
        load_config([project / "config/default.yaml", *more])
        for more in ([], [project / "config/published.yaml"])
    )
    assert default.run.cache != published.run.cache


def test_every_setting_is_explained():
    lines = default_text().splitlines()
    keys = [i for i, line in enumerate(lines) if ":" in line and not line.strip().startswith("#")]
    entries_of_mappings = {"nb201", "hiaml", "two_path"}
    bare = [
        lines[i]
        for i in keys
        if not lines[i - 1].strip().startswith("#")
        and lines[i].split(":")[0].strip() not in entries_of_mappings
    ]
    assert bare == []
