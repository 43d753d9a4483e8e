"""``source_digest``: a summary of the code that a script or module depends on.

Snakemake sees neither a change in a module that a script imports nor that a change is only a
comment; a rule therefore declares this digest among its parameters.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from archloom.errors import ArchloomError
from archloom.files import write_text

PACKAGE = "archloom"
SOURCE = Path(__file__).parents[1]
OWN = f"{PACKAGE}.workflow"
"""Left out: it moves results about but does not shape them."""


def source_digest(*roots: str | Path, source: Path = SOURCE, cache_file: Path | None = None) -> str:
    """Return a digest of the code that the given scripts or modules depend on.

    ``roots`` are module names (``archloom.search.graphs.evolution``) or paths of scripts. All
    modules of archloom that they import, directly or through others, at module or function level,
    are included, but not ``archloom.workflow``; comments, docstrings and formatting do not count,
    nor does the version of Python. A name imported from a package is followed to the module that
    defines it, so that its siblings do not count. Templates count with the module that renders
    them. ``cache_file`` keeps what was found in each file, by the file's bytes.
    """
    known = _Summaries.of(cache_file)
    todo = [(str(root), _path_of(root, source)) for root in roots]
    parts: dict[str, str] = {}
    while todo:
        name, path = todo.pop()
        if name in parts or name == OWN or name.startswith(f"{OWN}."):
            continue
        is_module = path.is_relative_to(source)
        summary = known.summary(path)
        parts[name] = summary.code + (_templates(path) if summary.has_templates else "")
        package = _package_of(path, name) if is_module else ""
        todo += [(found, _path_of(found, source)) for found in _modules(summary, package, source)]
    known.save()
    text = json.dumps([code for _, code in sorted(parts.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Summary:
    """What counts of one file: a digest of its code and its import statements.

    imports   (module, level, names) of each statement; names are empty for ``import module``
    """

    code: str
    imports: tuple[tuple[str, int, tuple[str, ...]], ...]
    has_templates: bool


class _Summaries:
    """Summaries by the bytes of the file, kept on disk between two starts of Snakemake."""

    def __init__(self, cache_file: Path | None) -> None:
        self._file = cache_file
        self._grown = False
        self._kept: dict[str, _Summary] = {}
        if cache_file is not None:
            with suppress(OSError, ValueError, TypeError, KeyError):
                rows = json.loads(cache_file.read_text(encoding="utf-8"))
                self._kept = {key: _from_row(row) for key, row in rows.items()}

    @staticmethod
    @cache
    def of(cache_file: Path | None) -> _Summaries:
        """Return the one table of this file in this process."""
        return _Summaries(cache_file)

    def summary(self, path: Path) -> _Summary:
        content = path.read_bytes()
        key = hashlib.sha256(content).hexdigest()
        if key not in self._kept:
            self._kept[key] = _summarise(content, path)
            self._grown = True
        return self._kept[key]

    def save(self) -> None:
        """Write the table if it has grown; a folder that cannot be written is no error."""
        if self._file is None or not self._grown:
            return
        rows = {
            key: [found.code, found.imports, found.has_templates]
            for key, found in self._kept.items()
        }
        with suppress(ArchloomError):
            write_text(self._file, json.dumps(rows))
        self._grown = False


def _from_row(row: list) -> _Summary:  # type: ignore[type-arg]  # JSON
    code, imports, has_templates = row
    found = tuple((module, level, tuple(names)) for module, level, names in imports)
    return _Summary(code, found, has_templates)


def _summarise(content: bytes, path: Path) -> _Summary:
    tree = ast.parse(content, str(path))
    imports: list[tuple[str, int, tuple[str, ...]]] = []
    has_templates = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(alias.name, 0, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            imports.append((node.module or "", node.level, names))
        elif isinstance(node, ast.Constant):
            has_templates |= node.value == "templates"
    code = hashlib.sha256(_structure(tree).encode()).hexdigest()
    return _Summary(code, tuple(imports), has_templates)


def _structure(node: object) -> str:
    """Return a syntax tree as text, without docstrings and positions; what a later version of
    Python adds to the tree is empty for code that does not use it, and left out.
    """
    if isinstance(node, list):
        return "[" + ",".join(map(_structure, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Constant):
        fields.pop("kind")
    elif isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        if ast.get_docstring(node, clean=False) is not None:
            fields["body"] = node.body[1:]
    inner = ",".join(
        f"{name}={_structure(value)}"
        for name, value in fields.items()
        if value is not None and value != [] and name not in ("ctx", "type_comment")
    )
    return f"{type(node).__name__}({inner})"


def _templates(path: Path) -> str:
    """Return the files of the folder ``templates`` beside a module that names that folder."""
    folder = path.parent / "templates"
    if not folder.is_dir():
        return ""
    return "".join(file.read_text(encoding="utf-8") for file in sorted(folder.iterdir()))


def _path_of(root: str | Path, source: Path) -> Path:
    if str(root).endswith(".py"):
        return Path(root)
    found = _module_path(str(root), source)
    if found is None:
        raise ModuleNotFoundError(f"there is no module {root} under {source}")
    return found


@cache
def _module_path(name: str, source: Path) -> Path | None:
    """Return the file of a module of the package, or None when there is no such module."""
    first, *rest = name.split(".")
    if first != PACKAGE:
        return None
    stem = source.joinpath(*rest)
    candidates = (stem.with_suffix(".py"), stem / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _package_of(path: Path, name: str) -> str:
    """Return the package that relative imports of a module start from."""
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def _modules(summary: _Summary, package: str, source: Path) -> Iterator[str]:
    """Yield the modules of archloom that a file's import statements refer to."""
    for module, level, names in summary.imports:
        full = _absolute(module, level, package)
        if not _module_path(full, source):
            continue
        yield from (_defining_module(full, name, source) for name in names) if names else (full,)


def _absolute(module: str, level: int, package: str) -> str:
    """Return the absolute name of the module of an import statement."""
    if not level:
        return module
    base = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*base, *([module] if module else [])])


@cache
def _defining_module(module: str, name: str, source: Path) -> str:
    """Return the module that defines ``name``, following what package files import from others."""
    if _module_path(f"{module}.{name}", source):
        return f"{module}.{name}"
    path = _path_of(module, source)
    if path.name == "__init__.py":
        for node in _body(path):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        origin = _absolute(node.module or "", node.level, module)
                        return _defining_module(origin, alias.name, source)
    return module


@cache
def _body(path: Path) -> Iterable[ast.stmt]:
    return ast.parse(path.read_text(encoding="utf-8")).body
