"""The architecture page: its drawing is that of the code, and what it names exists."""

import re
import xml.etree.ElementTree as ET
from importlib import import_module

import pytest

import draw_house
from archloom.config import Config
from house import LEVEL, MODULES, own_imports, part_of, reached

NAME = re.compile(r"`([A-Za-z_]\w*(?:[./]\w+)+)`")


def exists(name, project):
    """Whether a name is a file, a module or something in one, or a key of the settings."""
    if (project / name).exists():
        return True
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(["archloom", *parts[:length]])
        if module in MODULES and has(import_module(module), parts[length:]):
            return True
    return has(Config(), parts)


def has(value, path):
    for name in path:
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


def test_everything_that_the_page_names_exists(project):
    names = set(NAME.findall((project / "docs" / "architecture.md").read_text()))
    assert len(names) > 40
    own = {name.removeprefix("archloom.") for name in names}
    assert sorted(name for name in own if not exists(name, project)) == []


@pytest.mark.parametrize(
    "name", ["io.no_such", "search.no_such.key", "rules/no_such.smk", "nothing"]
)
def test_what_does_not_exist_is_noticed(name, project):
    assert not exists(name, project)


def test_the_committed_drawing_is_that_of_the_code():
    assert draw_house.PLACE.read_text() == draw_house.house(), (
        "stale: run python tests/draw_house.py"
    )


def test_the_drawing_shows_every_package_once():
    shown = [
        one.text for one in ET.fromstring(draw_house.house()).iter() if one.get("class") == "name"
    ]
    parts = {part_of(module) for module in MODULES} - {"archloom"}
    assert sorted(shown) == sorted(parts)


def test_arrows_say_all_that_the_imports_say_and_nothing_twice():
    rows = [["report"], ["search", "tasks"], ["io"], ["graph"]]
    found = draw_house.arrows(rows)
    uses = {part: {used for user, used in found if user == part} for row in rows for part in row}
    for part in uses:
        own = [module for module in MODULES if part_of(module) == part]
        truth = {part_of(name) for module in own for name in own_imports(module)}
        assert truth & set(uses) - {part} <= reached(part, uses)
        assert all(LEVEL[used] <= LEVEL[part] for used in uses[part])
    assert ("report", "graph") not in found


def test_an_arrow_over_several_floors_passes_each_in_a_corridor():
    floors, pieces = draw_house.with_corridors([["a"], ["b"], ["c"]], [("a", "c")])
    assert floors == [["a"], ["b", "a>c@1"], ["c"]]
    assert pieces == [("a", "a>c@1"), ("a>c@1", "c")]
