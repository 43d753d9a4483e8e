"""Reading of settings and of the table of models; every mistake gets a message that helps.

``load_config`` merges YAML files, ``check_config`` validates merged values (Snakemake merges its
own), ``read_models`` reads ``config/models.tsv``; all raise ``ConfigError``. ``schema_text`` and
``default_text`` are the contents of the generated files.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from archloom.config import Config, FamilyName, Section
from archloom.errors import ConfigError

MODEL_COLUMNS = ("model", "family", "source", "input", "description")
MODEL_FAMILIES = (*get_args(FamilyName), "generic", "generic_noDW", "edsr")
FILE_SUFFIXES = (".json", ".onnx", ".pkl")
DATA_PREFIX = "data:"


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
        lines = [_explain(dict(issue), files).rstrip() for issue in error.errors()]
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
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML, correct it: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} holds {_words(content)}, but settings are lines of `key: value`, "
            "such as `seed: 0`."
        )
    return content


def _explain(issue: dict[str, Any], files: Sequence[tuple[str, dict[str, Any]]]) -> str:
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
    return f"{place}{key} is {_words(value)}; {why}. {hint}{_meaning(keys)}"


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


def _words(value: object) -> str:
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


@dataclass(frozen=True)
class ModelRow:
    """One model that can be optimised.

    ``source`` is an architecture string of the family, ``data:DATASET/FILE`` or the path of a
    graph file; ``input`` is (H, W, C), or None for the input that the source itself states.
    """

    model: str
    family: str
    source: str
    input: tuple[int, int, int] | None
    description: str

    @property
    def is_file(self) -> bool:
        """Whether the source is a file rather than an architecture string."""
        return self.source.endswith(FILE_SUFFIXES)


def read_models(path: str | Path) -> dict[str, ModelRow]:
    """Read and check the table of models, by name; raises ``ConfigError`` naming row and column."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            lines = [line for line in stream if not line.startswith("#")]
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8 ({error}): save it as such.") from error
    reader = csv.DictReader(lines, delimiter="\t", strict=True, quoting=csv.QUOTE_NONE)
    if tuple(reader.fieldnames or ()) != MODEL_COLUMNS:
        raise ConfigError(
            f"{path}: the first line is {reader.fieldnames}; it must be "
            f"{', '.join(MODEL_COLUMNS)}, separated by tabs."
        )
    rows: dict[str, ModelRow] = {}
    for raw in reader:
        row = _model_row(raw, f"{path}, row {raw['model']!r}")
        if row.model in rows:
            raise ConfigError(f"{path}: model {row.model!r} stands there twice; rename one.")
        rows[row.model] = row
    return rows


def _model_row(raw: Mapping[Any, Any], place: str) -> ModelRow:
    values = {column: (raw[column] or "").strip() for column in MODEL_COLUMNS}
    if raw.get(None):
        raise ConfigError(f"{place}: there are more than {len(MODEL_COLUMNS)} columns.")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", values["model"]):
        raise ConfigError(f"{place}: column model takes letters, digits, '_', '.' and '-' only.")
    if values["family"] not in MODEL_FAMILIES:
        close = get_close_matches(values["family"], MODEL_FAMILIES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(MODEL_FAMILIES)}."
        raise ConfigError(f"{place}: column family is {values['family']!r}; {hint}")
    if not values["source"]:
        raise ConfigError(f"{place}: column source is empty; {_SOURCE_HELP}")
    return ModelRow(
        values["model"],
        values["family"],
        values["source"],
        _input_shape(values["input"], place),
        values["description"],
    )


_SOURCE_HELP = (
    "write an architecture string of the family, data:DATASET/FILE, or the path of a "
    f"{', '.join(FILE_SUFFIXES)} file."
)


def _input_shape(text: str, place: str) -> tuple[int, int, int] | None:
    if not text:
        return None
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise ConfigError(
            f"{place}: column input is {text!r}; write HxWxC, such as 32x32x3, or leave it empty."
        )
    height, width, channels = (int(part) for part in match.groups())
    return height, width, channels


def model_named(name: str, path: str | Path) -> ModelRow:
    """Return the row of a model; ``ConfigError`` says which row to add when there is none."""
    rows = read_models(path)
    if name in rows:
        return rows[name]
    close = get_close_matches(name, rows, n=1)
    hint = f"Did you mean {close[0]}? If not, add" if close else "Add"
    raise ConfigError(
        f"There is no model {name!r} in {path} (it has {', '.join(rows)}). {hint} a row, columns "
        f"separated by tabs:\n    {name}\tgeneric\tpath/to/{name}.onnx\t\tmy network\n"
        f"For the third column {_SOURCE_HELP}"
    )


def schema_text() -> str:
    """Return the JSON schema of the settings, the content of ``config/schema.json``."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | Config.model_json_schema(), indent=2) + "\n"


def default_text() -> str:
    """Return all settings with their defaults and descriptions, ``config/default.yaml``."""
    head = [
        "# yaml-language-server: $schema=schema.json",
        "# All settings with their defaults; generated by `make schema`, so do not edit it. A",
        "# second file given by --configfile need name only what it changes.",
    ]
    return "\n".join(head + _render(Config())) + "\n"


def _render(section: Section, indent: str = "") -> list[str]:
    lines: list[str] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        blank = [""] if not indent and isinstance(value, (Section, dict)) else []
        lines += [*blank, f"{indent}# {field.description}"]
        lines += _render_value(name, value, indent)
    return lines


def _render_value(name: str, value: object, indent: str) -> list[str]:
    if isinstance(value, Section):
        return [f"{indent}{name}:", *_render(value, indent + "  ")]
    if isinstance(value, dict):
        inner = [_render_value(str(key), item, indent + "  ") for key, item in value.items()]
        return [f"{indent}{name}:", *(line for lines in inner for line in lines)]
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]
    return [f"{indent}{name}: {text}"]


def reference_text() -> str:
    """Return the page of all settings, ``docs/configuration.md``."""
    lines = [
        "# Configuration",
        "",
        "Generated by `make schema` from `src/archloom/config.py`. `config/default.yaml` holds",
        "the same settings as YAML; a file given by `--configfile` needs only what it changes. An",
        "unknown key or a wrong value is an error that says what to type, before any job starts.",
    ]
    for name, field in Config.model_fields.items():
        value = getattr(Config(), name)
        lines += ["", f"## {name}", "", str(field.description)]
        if not isinstance(value, (Section, dict)):
            lines[-1] += f" Default: {_code(value)}."
            continue
        rows = _reference_rows(value)
        lines += ["", "| setting | default | meaning |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _reference_rows(value: Section | dict[str, Any], prefix: str = "") -> list[str]:
    """Return one table row per setting of a section; of a mapping, the rows of its first value."""
    if isinstance(value, dict):
        inner = next(iter(value.values()))
        return _reference_rows(inner, f"{prefix}NAME.")
    rows: list[str] = []
    for name, field in type(value).model_fields.items():
        found = getattr(value, name)
        if isinstance(found, Section):
            rows += _reference_rows(found, f"{prefix}{name}.")
        else:
            rows.append(f"| `{prefix}{name}` | {_code(found)} | {field.description} |")
    return rows


def _code(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]
    return f"`{text}`"


GENERATED = {
    "config/default.yaml": default_text,
    "config/schema.json": schema_text,
    "docs/configuration.md": reference_text,
}
"""Files made from the settings' model, relative to the root of the checkout."""


def write_generated(root: str | Path) -> None:
    """Write every file of ``GENERATED`` below ``root``."""
    for name, text in GENERATED.items():
        Path(root, name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write_generated(sys.argv[1])
