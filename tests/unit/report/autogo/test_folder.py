"""The whole result folder, from finished, empty, partial and damaged runs."""

import csv
import gzip
import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from archloom.errors import ArchloomError, DataError, FormatError
from archloom.io import read_graph, write
from archloom.report.autogo.folder import write_report
from report_world import BETTER, WITHIN_NOISE, make_run


class Page(HTMLParser):
    """Collects references, ids and unbalanced tags."""

    VOID = ("meta", "link", "br", "img", "hr", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        for key in ("href", "src", "xlink:href", "action", "data"):
            if values.get(key):
                self.references.append(values[key])
        if values.get("id"):
            self.ids.append(values["id"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder and page of a run with three winners, one of two trained ones clearly better."""
    place = tmp_path_factory.mktemp("report")
    run = make_run(place / "run", accuracies=BETTER)
    folder, page = report(run, place)
    return run, folder, page


def island(folder, name):
    """The JSON values that the page holds under an id."""
    text = (folder / "report.html").read_text(encoding="utf-8")
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text)
    return json.loads(found[1])


def report(run, tmp_path):
    folder = tmp_path / "result"
    write_report(run.files, run.config, "toy", folder)
    return folder, Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_folder_holds_everything_that_the_page_links_to(finished):
    _, folder, page = finished
    links = [link for link in page.references if not link.startswith(("#", "data:"))]
    assert {"front.csv", "front.md", "summary.json", "config.json"} <= set(links)
    assert {"networks/rank_1.onnx", "networks/rank_1.json", "figures/pareto.png"} <= set(links)
    assert all((folder / link).is_file() for link in links)


def test_the_page_needs_nothing_from_elsewhere(finished):
    _, folder, page = finished
    assert not [link for link in page.references if re.match(r"(?i)[a-z+]+:(?!,)|//", link)]
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "@import" not in text and not re.search(r"url\(\s*['\"]?(?!#)", text)
    assert "default-src 'none'" in unescape(text)


def test_scripts_run_only_by_their_hash(finished):
    _, folder, _ = finished
    text = (folder / "report.html").read_text(encoding="utf-8")
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1])
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 4
    for script in scripts:
        digest = b64encode(sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_the_page_alone_holds_tables_pictures_and_graphs(finished, tmp_path):
    run, folder, _ = finished
    packed = island(folder, "packed")
    for name, content in packed.items():
        assert gzip.decompress(b64decode(content)) == (folder / name).read_bytes()
    assert {"front.csv", "figures/input.svg", "figures/rank_3_changes.svg"} <= set(packed)
    path = tmp_path / "graph.json"
    path.write_bytes(gzip.decompress(b64decode(packed["networks/rank_2.json"])))
    assert read_graph(path).hash == run.graphs[2].hash


def test_the_plot_holds_what_the_summary_says(finished):
    _, folder, _ = finished
    front = island(folder, "front-data")
    rows = json.loads((folder / "summary.json").read_text())["front"]
    names = [one["name"] for one in front["objectives"]]
    assert names[-1] == "measured accuracy" and len(front["members"]) == len(rows)
    for member, row in zip(front["members"], rows, strict=True):
        assert member["rank"] == row["rank"]
        assert member["values"][0] == pytest.approx(row["predicted"])
        assert member["values"][1] == pytest.approx(row["flops"])


def test_anchors_lead_somewhere_and_ids_are_unique(finished):
    _, _, page = finished
    assert len(page.ids) == len(set(page.ids))
    anchors = {link[1:] for link in page.references if link.startswith("#")}
    assert anchors <= set(page.ids)


def test_page_and_summary_tell_the_same_verdict(finished):
    _, folder, page = finished
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["format"] == "archloom-autogo-summary/1"
    assert "1 of 2 trained winners is measurably more accurate" in summary["headline"]
    assert summary["headline"] in page.text
    assert summary["front"][1]["outcome"] == "better"
    assert summary["noise"]["degrees"] == 6
    assert summary["search"]["propagation"]["success_rate"] == pytest.approx(0.82)


def test_the_page_can_be_made_again_from_the_root(finished):
    _, folder, page = finished
    copy, run = re.search(r"(cp \S+ \S+)\s+(snakemake [^\n]+)", page.text).groups()
    _, settings, kept = copy.split()
    assert Path(settings) == folder / "config.json" and Path(settings).is_file()
    assert f"--configfile {kept} --cores " in run
    assert run.split()[1] == f"results/autogo/{kept.removesuffix('.json')}"


def test_the_graphs_handed_over_are_those_of_the_search(finished):
    run, folder, _ = finished
    for rank, graph in enumerate(run.graphs[1:], start=1):
        assert read_graph(folder / "networks" / f"rank_{rank}.json").hash == graph.hash


def test_winners_within_the_noise_are_not_praised(tmp_path):
    run = make_run(tmp_path / "run", accuracies=WITHIN_NOISE)
    _, page = report(run, tmp_path)
    assert "None of the 2 trained winners is measurably more accurate" in page.text


def test_an_empty_front_gives_a_page_about_the_input(tmp_path):
    run = make_run(tmp_path / "run", n_winners=0)
    run.change_stats(rejected={})
    folder, page = report(run, tmp_path)
    assert "found no better variant" in page.text and "No candidate was rejected" in page.text
    assert (folder / "figures" / "input.svg").is_file()
    assert not list((folder / "networks").glob("rank_*"))


def test_without_front_training_nothing_is_called_better(tmp_path):
    run = make_run(tmp_path / "run", n_winners=1)
    folder, page = report(run, tmp_path)
    assert "None was trained" in page.text
    assert json.loads((folder / "summary.json").read_text())["noise"] is None


def test_of_many_winners_the_first_are_shown_and_all_are_in_the_files(tmp_path):
    run = make_run(tmp_path / "run", n_winners=120)
    run.config["report"]["members"] = 2
    folder, page = report(run, tmp_path)
    assert len(list(csv.DictReader((folder / "front.csv").open()))) == 121
    assert "20 more winners are in the files" in page.text
    assert sorted(path.name for path in (folder / "networks").glob("*.json")) == [
        "input.json",
        "rank_1.json",
        "rank_2.json",
    ]


def test_hostile_names_are_escaped(finished_run, tmp_path):
    folder = tmp_path / "result"
    name = "</script><script>x</script><!--"
    finished_run.change_stats(rejected={name: 3})
    write_report(finished_run.files, finished_run.config | {"models": name}, name, folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script>x" not in text and "<!--" not in text
    assert json.loads((folder / "config.json").read_text())["models"] == name


def test_writing_twice_gives_the_same_page(finished, tmp_path):
    run, first, _ = finished
    second, _ = report(run, tmp_path)
    for name in ("report.html", "summary.json", "front.csv", "figures/pareto.svg"):
        # the page says how to make it again, and for that where its configuration is
        own = (first / name).read_text().replace(str(first), str(second))
        assert own == (second / name).read_text()


def test_a_search_of_another_graph_is_refused(finished_run, tmp_path):
    other = make_run(tmp_path / "other").graphs[1]
    write(other, finished_run.files.graph)
    with pytest.raises(DataError, match="another graph"):
        report(finished_run, tmp_path)


@pytest.mark.parametrize("part", ["stats", "visited", "front", "card"])
def test_truncated_parts_are_refused_and_named(finished_run, tmp_path, part):
    path = getattr(finished_run.files, part)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ArchloomError, match=path.name):
        report(finished_run, tmp_path)


def test_statistics_of_another_version_are_refused(finished_run, tmp_path):
    finished_run.change_stats(format="archloom-search-stats/99")
    with pytest.raises(FormatError, match="stats/99"):
        report(finished_run, tmp_path)
