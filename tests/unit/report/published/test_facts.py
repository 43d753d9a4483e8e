import pytest

from archloom.errors import FormatError
from archloom.report.published.facts import read_published
from archloom.report.published.ours import KINDS


@pytest.fixture(scope="module")
def autogo(project):
    return read_published(project / "config" / "published" / "autogo.yaml")


def test_every_table_asked_for_is_there(autogo):
    names = [table.name for table in autogo.tables]
    wanted = ["table1", "table2", "table3", "table4", "table7", "table8", "table9", "costs"]
    assert names == wanted
    printed = {
        table.name: sum(entry.value is not None for entry in table.entries)
        for table in autogo.tables
    }
    assert printed["table1"] == 15 and printed["table9"] == 120


def test_every_entry_says_how_ours_is_made_or_why_not(autogo):
    for table in autogo.tables:
        assert table.missing and table.title
        for entry in table.entries:
            assert not entry.ours or len(KINDS.keys() & entry.ours.keys()) == 1
            assert isinstance(entry.value, int | float | str | None)
            assert isinstance(entry.ours.get("scale", 1.0), int | float)
            assert isinstance(entry.ours.get("recorded", {}).get("scale", 1.0), int | float)
            assert entry.value is not None or entry.ours


@pytest.mark.parametrize("system", ["autogo", "autobuild"])
def test_every_recorded_figure_is_of_a_script_that_exists(project, system):
    published = read_published(project / "config" / "published" / f"{system}.yaml")
    entries = [entry for table in published.tables for entry in table.entries]
    files = {entry.ours["recorded"]["file"] for entry in entries if "recorded" in entry.ours}
    assert files
    for file in files:
        assert (project / "benchmarks" / system / f"bench_{file}.py").is_file()


def test_changes_follow_from_the_printed_figures_but_where_a_note_says_so(autogo):
    (table2,) = (table for table in autogo.tables if table.name == "table2")
    accuracy = {
        (entry.row, entry.column): entry.value
        for entry in table2.entries
        if entry.metric == "CIFAR-10 accuracy" and entry.value is not None
    }
    for table in autogo.tables:
        if table.name not in ("table2", "table9"):
            continue
        own = {
            (entry.row, entry.column): entry.value
            for entry in table.entries
            if entry.metric == "CIFAR-10 accuracy"
        }
        for entry in table.entries:
            if entry.metric == "accuracy change":
                base = accuracy[entry.row.split(" (")[0], "baseline"]
                follows = abs(own[entry.row, entry.column] - base - entry.value) < 0.006
                assert follows != (entry.note == "printed accuracy and printed delta disagree")


@pytest.mark.parametrize("text", ["", "- 1", "format: archloom-published\nversion: 2\n", "a: ["])
def test_a_damaged_file_is_refused(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(FormatError, match=r"x\.yaml"):
        read_published(tmp_path / "x.yaml")


def test_an_unknown_key_of_an_entry_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "format: archloom-published\nversion: 1\nsystem: S\npaper: P\n"
        "tables: [{name: t, title: T, missing: m, entries: [{row: r, colour: red}]}]\n"
    )
    with pytest.raises(FormatError, match="colour"):
        read_published(tmp_path / "x.yaml")
