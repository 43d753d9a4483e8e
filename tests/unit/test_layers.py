"""The layering of the packages, what only some modules may import or call, and how full a folder
may be.
"""

import ast
import re
from collections import Counter, defaultdict
from importlib import util

import pytest

from house import (
    LAYERS,
    LEVEL,
    MODULES,
    PACKAGES,
    circles,
    documented,
    folder_of,
    imports,
    imports_among,
    own_imports,
    part_of,
    siblings,
    tree,
)

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
FULL = 16
"""Modules beside each other in a folder, at most."""
FULL_OF_FAMILIES = 25
ROOM = {
    "archloom.predict": (16, 45),
    "archloom.search": (12, 25),
    "archloom.report": (8, 10),
    "archloom.io": (20, 40),
}
"""Siblings in a package that many systems share, and imports among them, at most."""
SEPARATE = ("archloom.predict", "archloom.report", "archloom.search")
"""Packages in which each folder is a room of its own: what one has, the others do not use."""
SHARED = (
    "archloom.predict.nodes",
    "archloom.predict.norms",
    "archloom.predict.gnn.network",
    "archloom.report.published",
    "archloom.search.shapes",
)
"""What all rooms beside it may use: it is made for that, and uses of them what stands before it."""
FORMAT = re.compile(r"archloom-[a-z-]+(?=/)")
REASON = re.compile(r"[Mm]ore than 400 lines")
MUST_NOT = re.compile(r"[Mm]ust not\s+import\b((?:[^.;:]|\.\w)*)")
PROMISE = re.compile(r"(?i)\b(?:the one|all|any|every)\b[^.:;]{0,40}\b(?:predictors?|kinds?)\b")


def loaded_with(module: str) -> set[str]:
    """All top-level packages that importing a module loads, through archloom's own modules."""
    todo, seen, found = [module], set(), set()
    while todo:
        name = todo.pop()
        if name in MODULES and name not in seen:
            seen.add(name)
            todo += [one.name for one in imports(name) if one.at_import]
            todo.append(name.rpartition(".")[0])
        elif name and name not in MODULES:
            found.add(name.split(".")[0])
    return found


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def called(module: str) -> set[str]:
    calls = (node for node in ast.walk(tree(module)) if isinstance(node, ast.Call))
    return {ast.unparse(call.func) for call in calls}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_own_or_lower_layers(module):
    own = LEVEL[part_of(module)]
    assert [name for name in own_imports(module) if LEVEL[part_of(name)] > own] == []


def test_packages_of_one_layer_do_not_import_each_other_in_a_circle():
    uses = {part: set() for part in LEVEL}
    for module in MODULES:
        own = part_of(module)
        others = {part_of(name) for name in own_imports(module)} - {own}
        uses[own] |= {part for part in others if LEVEL[part] == LEVEL[own]}
    assert circles(uses) == []


def test_the_pages_name_the_layers_that_are_tested_here(project):
    for page in ("CONTRIBUTING.md", "docs/architecture.md"):
        assert LAYERS in " ".join((project / page).read_text().split()), page


@pytest.mark.parametrize("part", ["config", "errors", "names", "shards"])
def test_config_errors_names_and_shards_are_leaves(part):
    leaves = {"config", "errors", "visible"}
    modules = [module for module in MODULES if part_of(module) == part]
    assert {part_of(name) for module in modules for name in own_imports(module)} <= leaves


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


def users_of(*packages: str) -> list[str]:
    return [
        module
        for module in MODULES
        if any(one.name.partition(".")[0] in packages for one in imports(module))
    ]


def test_pickles_are_touched_by_one_module_only():
    readers = users_of("pickle", "pickletools")
    assert all(part_of(module) == "io" for module in readers)
    assert len(readers) <= 1


def test_one_module_knows_snakemake():
    assert users_of("snakemake") == ["archloom.workflow.engine"]


# Folders


def modules_in(package: str) -> list[str]:
    return sorted(siblings(package) - set(PACKAGES))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_has_few_modules_but_more_than_one(package):
    limit = FULL_OF_FAMILIES if package == "archloom.spaces" else FULL
    assert 2 <= len(modules_in(package)) <= limit


@pytest.mark.parametrize("package", PACKAGES)
def test_the_third_module_with_one_prefix_is_a_folder(package):
    prefixes = Counter(name.rpartition(".")[2].partition("_")[0] for name in modules_in(package))
    assert [prefix for prefix, number in prefixes.items() if number > 2] == []


@pytest.mark.parametrize("package", ROOM)
def test_what_many_systems_share_stays_within_its_room(package):
    most_siblings, most_imports = ROOM[package]
    assert len(siblings(package)) <= most_siblings
    assert len(imports_among(package)) <= most_imports


@pytest.mark.parametrize("package", SEPARATE)
def test_rooms_beside_each_other_do_not_import_each_other(package):
    def place(name: str) -> int:
        """Of the shared thing that a module belongs to; behind all for what is not shared."""
        places = (at for at, one in enumerate(SHARED) if is_in(name, one))
        return next(places, len(SHARED))

    rooms = [name for name in siblings(package) if name in PACKAGES and name != package]
    across = [
        (module, other)
        for room in rooms
        for module in MODULES
        if is_in(module, room)
        for other in own_imports(module)
        if any(is_in(other, one) for one in rooms if one != room)
        if place(other) >= min(place(module), len(SHARED))
    ]
    assert across == []


def test_no_modules_import_each_other_in_a_circle():
    uses = {module: own_imports(module, only_at_import=True) for module in MODULES}
    assert circles(uses) == []


def test_circles_of_types_and_late_imports_are_few_and_stay_within_a_folder():
    found = circles({module: own_imports(module) for module in MODULES})
    assert len(found) <= 3
    assert [circle for circle in found if len({folder_of(one) for one in circle}) > 1] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_long_module_says_why(module):
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= 400 or REASON.search(ast.get_docstring(tree(module)) or "")


# Promises


def test_the_name_of_a_file_format_stands_in_one_module():
    places = defaultdict(set)
    for module in MODULES:
        docstrings = {ast.get_docstring(node, clean=False) for _, node in documented(module)}
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value not in docstrings:
                    for name in FORMAT.findall(node.value):
                        places[name].add(module)
    assert len(places) > 20
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("package", [one for one in PACKAGES if one != "archloom"])
def test_a_package_says_what_it_is_for_and_what_it_must_not_import(package):
    text = ast.get_docstring(tree(package)) or ""
    assert not text.startswith("archloom."), "it says its own name only"
    sentence = MUST_NOT.search(text)
    assert sentence, 'no sentence "... must not import ``that``."'
    forbidden = re.findall(r"``(?:archloom\.)?([\w.]+)``", sentence[1])
    assert forbidden, "what it must not import stands in double back-ticks"
    for name in forbidden:
        full = f"archloom.{name}" if f"archloom.{name}" in MODULES else name
        assert full in MODULES or util.find_spec(name) or name == "tensorflow", f"what is {name}?"
        inside = {one for one in MODULES if is_in(one, package) and not is_in(one, full)}
        users = {one for one in inside if any(is_in(used.name, full) for used in imports(one))}
        assert users == set(), f"{package} must not import {name}"


def promising() -> list[str]:
    """Modules shared by all kinds of predictors whose docstrings promise something of all kinds."""
    shared = [*modules_in("archloom.predict"), *modules_in("archloom.train")]
    return [
        module
        for module in shared
        if any(PROMISE.search(ast.get_docstring(node) or "") for _, node in documented(module))
    ]


@pytest.mark.parametrize("module", promising())
def test_what_is_promised_of_all_predictors_is_tested_over_the_table_of_kinds(module, project):
    tests = (project / "tests" / "unit").rglob("test_*.py")
    texts = [path.read_text(encoding="utf-8") for path in tests]
    loops = r"(?:parametrize\([^)]*|for [\w, ]+ in [^:]*)\bKINDS\b"
    pattern = rf"from {re.escape(module)} import|import {re.escape(module)}\b"
    assert any(re.search(loops, text) and re.search(pattern, text) for text in texts)
