"""The interactive report of a large front: size of the page, and how soon it answers.

    python -m benchmarks.autogo.bench_report_page

Twenty members of a network of 299 nodes in which every block changed, the worst case for the
pictures, and 20,000 graphs scored. A headless Chromium opens the page five times: median time to
the load event, to the first picture of a member, and to its whole network beside the input's.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.recording import at_scale, figures, one_thread, record, table, with_tests

one_thread()
with_tests()

from archloom.report.autogo.folder import write_report  # noqa: E402
from devtools import BROWSER, Page, running  # noqa: E402
from report_world import BETTER, deep_network, make_run  # noqa: E402

MEMBERS, VISITED, REPEATS = at_scale((20, 20_000, 5), (4, 100, 1))
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
DRAWN = """new Promise((done) => {
    const start = performance.now();
    const look = () => document.querySelectorAll('.pane svg').length === %d
        ? done(performance.now() - start) : requestAnimationFrame(look);
    %s;
    look();
})"""


def main() -> None:
    """Make the page, open it, and write the result file."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        run = make_run(place / "run", MEMBERS, BETTER, VISITED, deep_network)
        run.config["report"]["members"] = MEMBERS
        start = time.perf_counter()
        write_report(run.files, run.config, "deep", place / "result")
        figures = {
            "members": MEMBERS,
            "nodes": run.graphs[0].n_nodes,
            "graphs_scored": VISITED,
            "written_s": round(time.perf_counter() - start, 1),
            "page_bytes": (place / "result" / "report.html").stat().st_size,
            "pictures_bytes": sum(
                path.stat().st_size for path in (place / "result" / "figures").glob("*.svg")
            ),
        }
        if BROWSER is None:
            sys.exit("No Chromium was found: install it to time the page.")
        with running(place / "profile") as browser:
            times = [_times(browser.page(), place / "result") for _ in range(REPEATS)]
    figures |= {name: round(statistics.median(entry[name] for entry in times)) for name in times[0]}
    record("report_page", figures, note=__doc__.split("\n\n")[2].replace("\n", " "))


def _times(page: Page, folder: Path) -> dict[str, float]:
    """Return times in ms."""
    page.open((folder / "report.html").as_uri())
    page.until(f"{LOADED} > 0")
    return {
        "open_ms": page.evaluate(LOADED),
        "changes_ms": page.evaluate(DRAWN % (1, "location.hash = '#rank-3'")),
        "whole_ms": page.evaluate(
            DRAWN % (2, "document.querySelector('[data-action=whole]').click()")
        ),
    }


def section() -> str:
    """Return the size of a large report and how soon it answers."""
    one = figures("report_page")
    rows = [
        ["size of the page, MB", f"{one['page_bytes'] / 1e6:.1f}"],
        ["pictures it holds, uncompressed, MB", f"{one['pictures_bytes'] / 1e6:.1f}"],
        ["opened after, ms", one["open_ms"]],
        ["changes of a member drawn after, ms", one["changes_ms"]],
        ["both whole networks drawn after, ms", one["whole_ms"]],
    ]
    head = ["headless Chromium, medians", "figure"]
    return (
        f"## The report of a large front\n\n{one['members']} members of a network of "
        f"{one['nodes']} nodes in which every block changed, {one['graphs_scored']:,} graphs "
        "scored.\n\n" + table(head, rows)
    )


if __name__ == "__main__":
    main()
