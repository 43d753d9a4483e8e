"""Figures in README and docs are those of the result files, and links lead somewhere."""

import json
import re

from benchmarks import summarise

PAGES = ["README.md", "CONTRIBUTING.md", "docs/*.md"]


def pages(project):
    return [page for pattern in PAGES for page in sorted(project.glob(pattern))]


def test_the_results_page_says_what_the_result_files_say(project):
    assert (project / "docs" / "results.md").read_text() == summarise.page(), (
        "stale: run python -m benchmarks.summarise"
    )


def test_the_readme_quotes_the_measured_search_speed(project):
    text = (project / "benchmarks" / "results" / "search.json").read_text()
    figures = json.loads(text)["figures"]
    nb201, hiaml = (round(figures[name]["unique_per_second"]) for name in figures)
    assert f"{nb201:,} (nb201), {hiaml:,} (hiaml)" in (project / "README.md").read_text()
    assert max(one["peak_memory_mb"] for one in figures.values()) < 500


def test_links_between_pages_lead_somewhere(project):
    for page in pages(project):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_quotes_what_was_measured_of_import_rounds_segments_and_autobuild(project):
    readme = (project / "README.md").read_text()

    def figures(name):
        text = (project / "benchmarks" / "results" / f"{name}.json").read_text()
        return json.loads(text)["figures"]

    suite, resnet = figures("import"), figures("resnet50_search")
    assert f"{suite['pass']} of {suite['networks']} networks of the import suite" in readme
    assert f"108 s | {resnet['round_seconds_median']:.1f} s" in readme
    assert resnet["paper_seconds"] == 108
    autobuild = figures("autobuild_workflow")["families"]["ofa_mbv3"]
    assert f"one command, {autobuild['wall_s'] / 60:.1f} min" in readme
    cost = figures("combined_segments")["corpora"]["sorted_neighbours"]["cost"]
    assert f"{cost['wall_s']:.0f} s, {cost['peak_mb'] / 1024:.1f} GB" in readme
