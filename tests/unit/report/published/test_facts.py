import pytest

from archloom.errors import FormatError
from archloom.report.published.facts import Published, Table, read_published
from archloom.report.published.ours import KINDS, Sources
from archloom.report.published.tables import Row, display, fill


def fill_table(table: Table) -> tuple[Row, ...]:
    (filled,) = fill(Published("S", "P", (table,)), Sources())
    return filled.rows


@pytest.fixture(scope="module")
def autogo(project):
    return read_published(project / "config" / "published" / "autogo.yaml")


def test_every_table_asked_for_is_there(autogo):
    names = [table.name for table in autogo.tables]
    assert names == [*(f"table{number}" for number in range(1, 10)), "costs"]
    printed = {
        table.name: sum(entry.value is not None for entry in table.entries)
        for table in autogo.tables
    }
    assert printed["table1"] == 15 and printed["table9"] == 120
    assert printed["table5"] + printed["table6"] == 38


def test_numbers_keep_the_decimals_that_they_were_printed_with(tmp_path):
    entry = '{row: "a", column: "b", metric: "m", value: %s, std: 0.010}'
    values = ["4.20", "8.012", "-1.0", "141", '"5-7"', "1.0e-6"]
    text = "format: archloom-published\nversion: 1\nsystem: S\npaper: P\ntables:\n"
    text += "  - {name: t, title: T, missing: M, entries: [%s]}\n"
    (tmp_path / "s.yaml").write_text(text % ", ".join(entry % value for value in values))
    (table,) = read_published(tmp_path / "s.yaml").tables
    shown = [display(row)["published"] for row in fill_table(table)]
    assert shown == [
        "4.20 ± 0.010",
        "8.012 ± 0.010",
        "−1.0 ± 0.010",
        "141 ± 0.010",
        "5-7 ± 0.010",
        "0.000 ± 0.010",
    ]
    assert [type(one.value) for one in table.entries[3:]] == [int, str, float]


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
