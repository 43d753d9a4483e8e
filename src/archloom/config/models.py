"""The table of the models that can be optimised, ``config/models.tsv``."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from archloom.config.base import FamilyName
from archloom.errors import ConfigError

MODEL_COLUMNS = ("model", "family", "source", "input", "description")
MODEL_FAMILIES = (*get_args(FamilyName), "generic", "generic_noDW", "edsr")
FILE_SUFFIXES = (".json", ".onnx", ".pkl")
DATA_PREFIX = "data:"


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
    try:
        for raw in reader:
            row = _model_row(raw, f"{path}, row {raw['model']!r}")
            if row.model in rows:
                raise ConfigError(f"{path}: model {row.model!r} stands there twice; rename one.")
            rows[row.model] = row
    except csv.Error as error:
        raise ConfigError(f"{path}, after row {list(rows)[-1:]}: {error}; correct it.") from error
    return rows


def _model_row(raw: Mapping[Any, Any], place: str) -> ModelRow:
    values = {column: (raw[column] or "").strip() for column in MODEL_COLUMNS}
    if raw.get(None):
        raise ConfigError(f"{place}: there are more than {len(MODEL_COLUMNS)} columns.")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", values["model"]):
        raise ConfigError(
            f"{place}: column model takes letters, digits, '_', '.' and '-' only, 100 at "
            "most, and begins with a letter, a digit or '_': files and folders are called by it."
        )
    if values["family"] not in MODEL_FAMILIES:
        close = get_close_matches(values["family"], MODEL_FAMILIES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(MODEL_FAMILIES)}."
        raise ConfigError(f"{place}: column family is {values['family']!r}; {hint}")
    if not values["source"]:
        raise ConfigError(f"{place}: column source is empty; {_SOURCE_HELP}")
    return ModelRow(
        values["model"],
        values["family"],
        _source(values["source"]),
        _input_shape(values["input"], place),
        values["description"],
    )


def _source(text: str) -> str:
    """Return a source that no command takes for an option."""
    return f"./{text}" if text.startswith("-") and text.endswith(FILE_SUFFIXES) else text


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
