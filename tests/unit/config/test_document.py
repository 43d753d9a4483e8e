"""YAML documents are bounded, and every one that cannot be used is named."""

import re

import pytest

from archloom.config.document import load_yaml
from archloom.config.reading import load_config
from archloom.errors import ConfigError

BAD = {
    "self": "a: &a\n  b: *a\n",
    "list-self": "a: &a [*a]\n",
    "deep": "a: " + "[" * 3000 + "]" * 3000,
    "deep-map": "".join("  " * k + "a:\n" for k in range(300)),
    "laughs": "a: &a0 [x, x]\n"
    + "".join(f"b{k}: &a{k + 1} [*a{k}, *a{k}, *a{k}]\n" for k in range(40)),
    "date": "a: 2001-99-99\n",
    "key": "? [a]\n: b\n",
    "tag": "a: !!python/object/apply:os.getcwd []\n",
    "number": "a: !!int x\n",
    "float": "a: !!float x\n",
    "binary": "a: !!binary é\n",
    "control": "a: \x01\n",
    "merge": "<<: 3\n",
}


@pytest.mark.parametrize("case", BAD)
def test_a_document_that_cannot_be_used_is_named(case, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(BAD[case])
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_yaml(path)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_config([path])


def test_text_that_is_no_utf_8_and_a_missing_file_are_named(tmp_path):
    path = tmp_path / "bad.yaml"
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_yaml(path)
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_yaml(path)


def test_aliases_within_reason_are_read(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text("a: &a [1, {b: 2}]\nc: *a\nd:\n  <<: {e: 3}\n")
    assert load_yaml(path) == {"a": [1, {"b": 2}], "c": [1, {"b": 2}], "d": {"e": 3}}
