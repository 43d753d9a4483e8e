"""Settings: merging, frozen values, names that the library has."""

from typing import get_args

import pytest

from archloom.config import Config
from archloom.config.base import FamilyName
from archloom.config.reading import load_config
from archloom.errors import ConfigError
from archloom.spaces import FAMILIES


def test_later_files_and_overrides_win_and_leave_their_neighbours_alone(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("search: {top_k: 4, iterations: 7}\nseed: 1\n")
    second.write_text("search: {top_k: 5}\n")
    config = load_config([first, second], {"search": {"sparsity": 0.25}})
    assert (config.search.top_k, config.search.iterations) == (5, 7)
    assert (config.search.sparsity, config.seed) == (0.25, 1)


def test_an_empty_file_changes_nothing(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_config([tmp_path / "empty.yaml"]) == Config()


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [1", "not valid YAML"), ("- 1\n", "lines of `key: value`"), ("\xff", "`key: value`")],
)
def test_a_damaged_file_is_named(tmp_path, text, says):
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says) as caught:
        load_config([path])
    assert "broken.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read"):
        load_config([tmp_path / "none.yaml"])


def test_settings_cannot_be_changed_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        Config().seed = 3


def test_families_of_the_settings_are_those_of_the_library():
    assert get_args(FamilyName) == tuple(FAMILIES)
