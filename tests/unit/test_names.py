"""Names at their first use, and import paths: those of the pages, and those of earlier versions."""

import ast
import re
import subprocess
import sys
from importlib import import_module, util

import pytest

from archloom.names import MOVED, at_first_use

STATEMENT = re.compile(r"^ *from (archloom[\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)
MENTION = re.compile(r"`(archloom(?:\.\w+)+)`")


def shown(project):
    """(page, module, name) of every import that README, docs and examples show."""
    for pattern in ("README.md", "docs/*.md", "examples/*.py"):
        for page in sorted(project.glob(pattern)):
            text = page.read_text()
            for found in STATEMENT.finditer(text):
                (statement,) = ast.parse(found[0].strip()).body
                yield from ((page.name, found[1], alias.name) for alias in statement.names)
            for mention in MENTION.findall(text):
                module, _, name = mention.rpartition(".")
                yield page.name, module, name


def is_there(module, name):
    return hasattr(import_module(module), name) or util.find_spec(f"{module}.{name}") is not None


def test_every_import_that_the_pages_show_works(project):
    imports = list(shown(project))
    assert len(imports) > 30
    assert [one for one in imports if not is_there(*one[1:])] == []


@pytest.mark.parametrize("old", MOVED)
def test_a_moved_module_is_imported_with_a_warning_that_says_where_it_is(old, monkeypatch):
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=f"^{old} is now {MOVED[old][0]}"):
        module = import_module(old)
    for place in map(import_module, MOVED[old]):
        own = [
            name
            for name, value in vars(place).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == place.__name__
        ]
        assert own
        assert all(hasattr(module, name) for name in own)
    with pytest.raises(AttributeError, match=f"is now {MOVED[old][0]}.*, where no 'nothing' is"):
        _ = module.nothing


def test_a_moved_module_may_be_named_in_any_form_of_import():
    program = (
        "from archloom.search import transfer; import archloom.io.drawing as drawing; "
        "from archloom.settings import load_config, read_models; print(transfer.transfer, "
        "drawing.draw)"
    )
    exec(compile(program, "example", "exec"), {})
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from archloom.search.transfer import nothing")
    with pytest.raises(ModuleNotFoundError, match="No module named 'archloom.x'"):
        import_module("archloom.x")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("archloom.search.evaluators", "Figure"),
        ("archloom.search.unit_search", "search_units"),
        ("archloom.search.unit_space", "UnitSpace"),
        ("archloom.search.variation", "LayerVariation"),
        ("archloom.search.variation", "UnitVariation"),
        ("archloom.search.variation", "layer_insight"),
        ("archloom.search.label_models", "covering_networks"),
        ("archloom.search.transfer", "transfer"),
        ("archloom.settings", "load_config"),
        ("archloom.settings", "read_models"),
    ],
)
def test_names_that_the_pages_showed_are_in_the_new_module(module, name):
    assert hasattr(import_module(module), name)


@pytest.mark.parametrize(
    ("package", "name"),
    [("predict.blocks", "BlockPredictor"), ("predict.operators", "OperatorPredictor")],
)
def test_names_of_modules_that_became_packages_keep_working(package, name):
    found = getattr(import_module(f"archloom.{package}"), name)
    assert found.__module__ == f"archloom.{package}.predictor"


def test_a_late_name_is_kept_after_its_first_use_and_an_unknown_one_is_an_attribute_error(
    monkeypatch,
):
    package = import_module("archloom.tasks")
    find = at_first_use("archloom.tasks", {"to_pose": "backbones"})
    monkeypatch.delattr(package, "to_pose")
    assert find("to_pose") is vars(package)["to_pose"]
    with pytest.raises(AttributeError, match="'archloom.tasks' has no attribute 'to_poster'"):
        find("to_poster")


def test_the_package_alone_loads_no_more_than_this_module():
    program = (
        "import __future__, importlib.machinery, sys, typing, warnings\nbefore = set(sys.modules)\n"
        "import archloom\nprint(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["archloom", "archloom.names"]
