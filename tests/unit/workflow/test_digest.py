"""What counts as changed code."""

import pytest

from archloom.workflow import source_digest

PACKAGE = {
    "__init__.py": '"""Top."""\nfrom archloom.b import other\n',
    "errors.py": "class E(ValueError): ...\n",
    "a.py": "from archloom.b import used\ndef f():\n    from archloom.late import g\n    g()\n",
    "b/__init__.py": "from archloom.b.one import used\nfrom archloom.b.two import other\n",
    "b/one.py": "from archloom.errors import E\nused = 1\n",
    "b/two.py": "other = 2\n",
    "late.py": "def g():\n    return 1\n",
    "b/templates/page.html": "<p>",
}


@pytest.fixture
def digest(tmp_path):
    """A function: digest of module ``archloom.a`` in the toy package after changes to its files."""
    count = iter(range(100))

    def compute(**changes: str) -> str:
        root = tmp_path / str(next(count))
        for name, text in (PACKAGE | changes).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return source_digest("archloom.a", source=root)

    return compute


def test_the_digest_does_not_depend_on_the_place(digest):
    assert digest() == digest()


@pytest.mark.parametrize(
    "change",
    [
        {"a.py": PACKAGE["a.py"] + "x = 1\n"},
        {"b/one.py": "from archloom.errors import E\nused = 2\n"},
        {"errors.py": "class E(TypeError): ...\n"},
        {"late.py": "def g():\n    return 2\n"},
    ],
    ids=["itself", "through a package", "two steps away", "inside a function"],
)
def test_a_change_of_code_that_is_used_counts(digest, change):
    assert digest(**change) != digest()


@pytest.mark.parametrize(
    "change",
    [
        {"b/two.py": "other = 3\n"},
        {"__init__.py": "x = 1\n"},
        {"late.py": '"""Doc."""\n\n\ndef g():\n    """Doc."""\n    # comment\n    return (1)\n'},
    ],
    ids=["a sibling", "the top package", "comments, docstrings, layout"],
)
def test_what_does_not_change_the_work_does_not_count(digest, change):
    assert digest(**change) == digest()


def test_a_template_counts_with_the_module_that_names_its_folder(digest):
    renders = {"b/one.py": PACKAGE["b/one.py"] + "folder = 'templates'\n"}
    changed = {"b/templates/page.html": "<b>"}
    assert digest(**renders, **changed) != digest(**renders)
    assert digest(**changed) == digest()


def test_relative_imports_are_followed(digest):
    relative = {"b/__init__.py": "from .one import used\n", "b/one.py": "from ..late import g\n"}
    assert digest(**relative) != digest(**relative | {"late.py": "g = 5\n"})


def test_a_script_counts_with_the_modules_it_imports(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from archloom.workflow import job\nfrom archloom.errors import DataError\n")
    first = source_digest(script)
    other = tmp_path / "other.py"
    other.write_text("from archloom.errors import DataError\n")
    assert first != source_digest(other)
    assert first == source_digest(script)


def test_an_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"archloom\.nowhere"):
        source_digest("archloom.nowhere")


def test_a_kept_summary_gives_the_same_digest_and_a_damaged_table_is_made_anew(tmp_path):
    script, kept = tmp_path / "script.py", tmp_path / "kept.json"
    script.write_text("value = 1\n")
    first = source_digest(script, cache_file=kept)
    assert kept.is_file()
    assert first == source_digest(script)
    script.write_text("value = 2\n")
    assert source_digest(script, cache_file=kept) == source_digest(script) != first
    other = tmp_path / "damaged.json"
    other.write_text(kept.read_text()[:20])
    assert source_digest(script, cache_file=other) == source_digest(script)


def test_a_table_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    script = tmp_path / "script.py"
    script.write_text("value = 1\n")
    assert source_digest(script, cache_file=tmp_path / "file/kept.json") == source_digest(script)
