"""What is wrong with a setting, in words: file, key, value, why, and what to type."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import yaml

from archloom.config import Config
from archloom.config.base import Section


def explain(issue: dict[str, Any], files: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Turn one pydantic issue into: file, key, value found, why it is wrong, what to type."""
    keys = [str(part) for part in issue["loc"] if part != "[key]"]
    key, value = ".".join(keys), issue["input"]
    place = f"{_origin(keys, files)}: " if files else ""
    if issue["type"] == "extra_forbidden":
        return f"{place}{key} is not a setting. {_advice(keys, value)}"
    if issue["type"] == "value_error":
        return f"{place}{issue['ctx']['error']}."
    if issue["loc"] and issue["loc"][-1] == "[key]":
        return (
            f"{place}{key} is not a known name ({issue['msg']}). {_nearest_name(keys[-1], issue)}"
        )
    why = re.sub(r"^Input should be", "it must be", issue["msg"])
    why = re.sub(r"it must be '(.*)'$", r"it must be one of '\1'", why)
    hint = _nearest_name(str(value), issue)
    return f"{place}{key} is {words(value)}; {why}. {hint}{_meaning(keys)}"


def _origin(keys: Sequence[str], files: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Return the last file that contains the key, or the command line."""
    holders = [name for name, content in files if _contains(content, keys)]
    return holders[-1] if holders else "command line"


def _contains(content: object, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            return False
        content = content[key]
    return True


def words(value: object) -> str:
    """Return a value as it would be typed, with its kind."""
    kinds = {"str": "text", "int": "a whole number", "float": "a number", "list": "a list"}
    kinds |= {"dict": "a section", "bool": "true or false", "NoneType": "empty"}
    return f"{json.dumps(value, default=str)} ({kinds.get(type(value).__name__, 'a value')})"


def _nearest_name(name: str, issue: dict[str, Any]) -> str:
    """Return 'Did you mean ...?' from the allowed values that the issue lists."""
    allowed = re.findall(r"'([^']*)'", str(issue.get("ctx", {}).get("expected", "")))
    close = get_close_matches(name, allowed, n=1)
    return f"Did you mean {close[0]}? " if close else ""


def _advice(keys: Sequence[str], value: object) -> str:
    """Say which setting was probably meant, and the lines to type."""
    known = list(_fields())
    same_name = [path for path in known if path.split(".")[-1] == keys[-1]]
    siblings = [path for path in known if path.split(".")[:-1] == list(keys[:-1])]
    close = get_close_matches(".".join(keys), siblings, n=1) or same_name[:1]
    close = close or get_close_matches(".".join(keys), known, n=1)
    if not close:
        names = ", ".join(path.split(".")[-1] for path in siblings) or ", ".join(
            Config.model_fields
        )
        return f"Known here: {names}."
    snippet: Any = value
    for part in reversed(close[0].split(".")):
        snippet = {part: snippet}
    text = yaml.safe_dump(snippet, sort_keys=False, default_flow_style=False)
    return f"Did you mean {close[0]}? Write\n" + "".join(
        f"    {line}\n" for line in text.splitlines()
    )


def _meaning(keys: Sequence[str]) -> str:
    """Return the description of a setting, empty for entries of lists and mappings."""
    description = _fields().get(".".join(keys))
    return f"({description})" if description else ""


def _fields(section: type[Section] = Config, prefix: str = "") -> dict[str, str]:
    """Return the description of every setting by its dotted path."""
    found: dict[str, str] = {}
    for name, field in section.model_fields.items():
        found[prefix + name] = field.description or ""
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found |= _fields(field.annotation, f"{prefix}{name}.")
    return found
