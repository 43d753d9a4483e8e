import csv
import json
from html.parser import HTMLParser

import pytest

from archloom.report.published.facts import Entry, Published, Table
from archloom.report.published.ours import Sources
from archloom.report.published.tables import fill, to_markdown, write_tables


class Page(HTMLParser):
    """Collects links, texts and unbalanced tags."""

    def __init__(self, text):
        super().__init__()
        self.links, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def without_data(project, tmp_path_factory):
    """The folder of AutoGO's tables where neither data nor benchmarks are at hand."""
    folder = tmp_path_factory.mktemp("tables") / "autogo"
    write_tables(project / "config" / "published" / "autogo.yaml", Sources(), folder)
    return folder


def rows_of(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_without_data_every_row_says_what_is_missing(without_data):
    summary = json.loads((without_data / "summary.json").read_text())
    assert summary["figures"]["measured"] == summary["figures"]["recorded"] == 0
    for row in rows_of(without_data, "table4"):
        assert row["state"] == "not run" and row["how"]
    assert "dataset autogo_cgs is missing" in (without_data / "table4.md").read_text()


def test_the_page_links_to_files_of_its_folder_and_is_well_formed(without_data):
    page = Page((without_data / "report.html").read_text(encoding="utf-8"))
    assert not page.open
    files = [link for link in page.links if not link.startswith(("#", "data:"))]
    assert {"table1.csv", "costs.md", "summary.json"} <= set(files)
    assert all((without_data / link).is_file() for link in files)
    assert "python -m benchmarks.autogo.bench_predictor_table1" in page.text
    assert "snakemake results/autogo/" in page.text


def test_the_released_graphs_reproduce_the_printed_flops(project, data_folder, tmp_path):
    graphs = {path.stem: path for path in (data_folder / "autogo_cgs").glob("*.json")}
    path = project / "config" / "published" / "autogo.yaml"
    write_tables(path, Sources(graphs=graphs), tmp_path)
    for name in ("table2", "table3", "table4", "table9"):
        rows = [row for row in rows_of(tmp_path, name) if row["state"] == "computed"]
        assert rows
        for row in rows:
            published, ours = float(row["published"]), float(row["ours"])
            if row["metric"] == "FLOPs":
                assert ours == pytest.approx(published, rel=0.006)
            else:
                assert ours == pytest.approx(published, abs=0.26)  # printed from rounded counts


def small(*entries):
    return Published("S", "P", (Table("t", "T", entries, "no <reason> | here"),))


def test_markdown_shows_spread_sign_and_difference():
    points = ((3.0, 1.0), (2.0, 2.0))
    entries = (
        Entry("a", "b", "sum", 1, ours={"rank_sum": 0}),
        Entry("c|d", "b", "SRCC", 0.5, std=0.25),
        Entry("e", "b", "change", -2.0, unit="%"),
        Entry("f", "b", "time", "45 to 90", unit="min"),
    )
    table = Table("t", "T", entries, "no reason", notes=("a note",), points=points)
    (filled,) = fill(Published("S", "P", (table,)), Sources())
    lines = to_markdown(filled).splitlines()
    assert lines[4] == "| a | b | sum | 1 | 0 | −1 | computed: archloom.search.front.rank_sum |  |"
    assert lines[5].startswith("| c\\|d | b | SRCC | 0.500 ± 0.250 | – |  | not run: no reason")
    assert lines[6].startswith("| e | b | change, % | −2.00 | – |")
    assert lines[7].startswith("| f | b | time, min | 45 to 90 | – |")
    assert lines[-1] == "- a note"


def test_texts_are_escaped_in_the_page(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "format: archloom-published\nversion: 1\nsystem: <b>S\npaper: P\n"
        "tables: [{name: t, title: T, missing: '<script>', entries: [{row: '<i>', column: c, "
        "metric: m, value: 1}]}]\n"
    )
    write_tables(tmp_path / "x.yaml", Sources(), tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;i&gt;" in text and "<i>" not in text and "&lt;script&gt;" in text
