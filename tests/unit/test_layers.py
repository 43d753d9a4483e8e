"""The layering of the packages, and what only some modules may import or call."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import archloom

SOURCE = Path(archloom.__file__).parent
LAYERS = [
    {"errors", "config", "visible"},
    {"files", "parquet", "processes", "shards"},
    {"graph"},
    {"execute", "drawing", "spaces"},
    {"io"},
    {"train", "data", "views"},
    {"predict", "segments"},
    {"search", "hypernet", "tasks"},
    {"report"},
    {"cli", "workflow", "archloom"},
]
LEVEL = {part: level for level, layer in enumerate(LAYERS) for part in layer}
MODULES = {
    ".".join(("archloom", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(SOURCE.rglob("*.py"))
}
HEAVY = {
    "torch",
    "onnx",
    "onnxruntime",
    "highspy",
    "pyomo",
    "google",
    "matplotlib",
    "sentencepiece",
}
TORCH_ONLY_IN = tuple(
    f"archloom.{part}" for part in ("execute", "io", "train", "predict", "search")
)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def part_of(module: str) -> str:
    """The part of the project that a module belongs to: its package, or itself at the top."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "archloom"


def imports(module: str, *, only_at_import: bool = False) -> Iterator[str]:
    """Absolute names of the modules that a module imports (``only_at_import``: when it loads)."""
    nodes = at_import(tree(module).body) if only_at_import else ast.walk(tree(module))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} has a relative import; write it absolutely"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run when a module is imported: no functions, no ``if TYPE_CHECKING``."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield node
        yield from at_import([n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)])


def loaded_with(module: str) -> set[str]:
    """All top-level packages that importing a module loads, through archloom's own modules."""
    todo, seen, found = [module], set(), set()
    while todo:
        name = todo.pop()
        if name in MODULES and name not in seen:
            seen.add(name)
            todo += imports(name, only_at_import=True)
            todo.append(name.rpartition(".")[0])
        elif name and name not in MODULES:
            found.add(name.split(".")[0])
    return found


def called(module: str) -> set[str]:
    calls = (node for node in ast.walk(tree(module)) if isinstance(node, ast.Call))
    return {ast.unparse(call.func) for call in calls}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_or_lower_layers(module):
    own = LEVEL[part_of(module)]
    upward = [
        name
        for name in imports(module)
        if name.startswith("archloom") and LEVEL[part_of(name)] > own
    ]
    assert not upward


def test_packages_of_one_layer_do_not_import_each_other_in_a_circle():
    uses = {part: set() for part in LEVEL}
    for module in MODULES:
        own = part_of(module)
        others = {part_of(name) for name in imports(module) if name.startswith("archloom")}
        uses[own] |= {part for part in others - {own} if LEVEL[part] == LEVEL[own]}
    for part in uses:
        reached, todo = set(), list(uses[part])
        while todo:
            reached.add(other := todo.pop())
            todo += uses[other] - reached
        assert part not in reached, f"{part} imports itself through {sorted(reached)}"


def test_settings_errors_and_shards_are_leaves():
    leaves = [module for module in MODULES if part_of(module) in ("config", "errors", "shards")]
    used = {part_of(name) for one in leaves for name in imports(one) if name.startswith("archloom")}
    assert used <= {"config", "errors", "visible"}


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_loaded_only_where_they_are_used(module):
    loaded = loaded_with(module) & HEAVY
    allowed = {"torch"} if module.startswith(TORCH_ONLY_IN) else set()
    if part_of(module) in ("report", "cli"):
        allowed = {"torch"}
    assert loaded <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints_and_nothing_evaluates_strings(module):
    allowed = {"print"} if part_of(module) == "cli" else set()
    assert called(module) & {"print", "eval", "exec"} <= allowed


def test_pickles_are_touched_by_one_module_only():
    readers = [module for module in MODULES if {"pickle", "pickletools"} & set(imports(module))]
    assert all(part_of(module) == "io" for module in readers)
    assert len(readers) <= 1


def test_one_module_knows_snakemake():
    users = [
        module
        for module in MODULES
        if any(name.partition(".")[0] == "snakemake" for name in imports(module))
    ]
    assert users == ["archloom.workflow.engine"]
