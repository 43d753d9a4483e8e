"""Reading of settings; every mistake gets a message that helps.

``load_config`` merges YAML files, ``check_config`` validates merged values (Snakemake merges its
own); both raise ``ConfigError``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from archloom.config import Config
from archloom.config.document import load_yaml
from archloom.config.explain import explain, words
from archloom.errors import ConfigError


def load_config(paths: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Config:
    """Merge YAML files, later ones over earlier ones, then ``overrides``, and check the result.

    Raises ``ConfigError`` for a file that is missing or not YAML, and for every wrong setting.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        merged = _merge(merged, _read_yaml(Path(path)))
    return check_config(_merge(merged, overrides or {}), paths)


def check_config(values: Mapping[str, Any], sources: Sequence[str | Path] = ()) -> Config:
    """Validate merged settings; ``sources`` are the files they came from, to name in messages.

    Raises ``ConfigError`` that lists every wrong setting with what to type instead.
    """
    try:
        return Config.model_validate(dict(values))
    except ValidationError as error:
        files = [(str(path), _read_yaml(Path(path))) for path in sources]
        lines = [explain(dict(issue), files).rstrip() for issue in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``over``; mappings are merged, all else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = _merge(merged[key], value)
        merged[key] = value
    return merged


def _read_yaml(path: Path) -> dict[str, Any]:
    content = load_yaml(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} holds {words(content)}, but settings are lines of `key: value`, "
            "such as `seed: 0`."
        )
    return content
