"""The house as its source shows it: modules, layers, imports, circles, docstrings."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import archloom

SOURCE = Path(archloom.__file__).parent
LAYERS = (
    "cli, workflow -> report -> search, hypernet, tasks -> predict, segments -> train, data, views "
    "-> io -> execute, drawing, spaces -> graph -> compiling, files, parquet, processes, shards "
    "-> errors, visible, config, names"
)
"""An arrow is "may import"."""
ROWS = [row.split(", ") for row in LAYERS.split(" -> ")]
LEVEL = {part: level for level, row in enumerate(reversed(ROWS)) for part in row}
LEVEL |= {"archloom": len(ROWS)}
MODULES = {
    ".".join(("archloom", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(SOURCE.rglob("*.py"))
}
PACKAGES = [name for name, path in MODULES.items() if path.name == "__init__.py"]
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """One imported module. ``late``: inside a function; ``typed``: for type checkers only."""

    name: str
    late: bool
    typed: bool

    @property
    def at_import(self) -> bool:
        return not (self.late or self.typed)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def part_of(module: str) -> str:
    """The part of the project that a module belongs to: its package, or itself at the top."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "archloom"


def folder_of(module: str) -> str:
    """The package in whose folder the module's file lies."""
    return module if module in PACKAGES else module.rpartition(".")[0]


@cache
def imports(module: str) -> tuple[Import, ...]:
    """All that a module imports, by absolute name; a submodule where one is named."""
    return tuple(_imports(module, tree(module), late=False, typed=False))


def _imports(module: str, node: ast.AST, late: bool, typed: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, late, typed) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, f"{module} has a relative import; write it absolutely"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield Import(full if full in MODULES else str(node.module), late, typed)
    else:
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typed = typed or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for child in ast.iter_child_nodes(node):
            yield from _imports(module, child, late, typed)


def own_imports(module: str, *, only_at_import: bool = False) -> set[str]:
    """The modules of archloom that a module imports."""
    return {
        one.name
        for one in imports(module)
        if one.name in MODULES and (one.at_import or not only_at_import)
    }


def siblings(package: str) -> set[str]:
    """What lies beside each other in a package's folder: modules, packages and ``__init__``."""
    return {package} | {name for name in MODULES if name.rpartition(".")[0] == package}


def imports_among(package: str) -> set[tuple[str, str]]:
    """Pairs of siblings of which the first, or a module in it, imports from the second."""
    found = set()
    for module in MODULES:
        for other in own_imports(module):
            pair = _sibling(package, module), _sibling(package, other)
            if None not in pair and pair[0] != pair[1]:
                found.add(pair)
    return found


def _sibling(package: str, module: str) -> str | None:
    """The sibling in ``package`` that a module is or lies in, None for one from elsewhere."""
    if module == package:
        return package
    if not module.startswith(f"{package}."):
        return None
    return f"{package}.{module.removeprefix(f'{package}.').split('.')[0]}"


def circles(uses: Mapping[str, set[str]]) -> list[set[str]]:
    """Groups of modules that import each other, directly or in a circle."""
    behind = {start: reached(start, uses) for start in uses}
    groups = {
        frozenset(other for other in behind[one] if one in behind[other])
        for one in uses
        if one in behind[one]
    }
    return [set(group) for group in groups]


def reached(start: str, uses: Mapping[str, set[str]]) -> set[str]:
    """All that ``start`` uses, directly or through others; itself only if in a circle."""
    seen: set[str] = set()
    todo = list(uses[start])
    while todo:
        seen.add(name := todo.pop())
        todo += uses[name] - seen
    return seen


def documented(module: str) -> Iterator[tuple[str, Documented]]:
    """The module, its classes and functions, with their qualified names; not what is nested in a
    function.
    """
    yield "", tree(module)
    todo: list[tuple[str, ast.AST]] = [("", tree(module))]
    while todo:
        prefix, parent = todo.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                todo.append((f"{prefix}{node.name}.", node))
