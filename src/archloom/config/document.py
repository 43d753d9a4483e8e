"""YAML documents as plain values, bounded: aliases can stand for any number of values, or for the
value that they lie in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from archloom.errors import ConfigError

DEEPEST = 50
"""Values that may lie one in another."""
MOST_VALUES = 1_000_000
"""Values that a document may have, those that aliases stand for counted every time."""


def load_yaml(path: Path, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """Return the document in ``path``.

    Raises ``ConfigError`` naming the file for one that cannot be read, is no YAML, or holds more
    than ``MOST_VALUES`` or deeper than ``DEEPEST``.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.load(text, loader)  # noqa: S506 - only safe loaders are given
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from error
    except RecursionError as error:
        raise ConfigError(_too_deep(path)) from error
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ConfigError(f"{path} is not valid YAML, correct it: {error}") from error
    _check(document, path)
    return document


def _check(document: Any, path: Path) -> None:
    count, level = 0, [document]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                below += value.values()
            elif isinstance(value, list | tuple | set):
                below += value
            if count + len(below) > MOST_VALUES:
                raise ConfigError(
                    f"{path} stands for more than {MOST_VALUES:,} values, some of them by aliases: "
                    "write fewer."
                )
        count, level = count + len(below), below
        if not level:
            return
    raise ConfigError(_too_deep(path))


def _too_deep(path: Path) -> str:
    return (
        f"{path} holds values more than {DEEPEST} deep, or one that holds itself: settings are "
        "lines of `key: value`, correct it."
    )
