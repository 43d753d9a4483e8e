"""The report in a headless browser: it renders without network, in both colour schemes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from archloom.report.autogo import write_report
from report_world import BETTER, make_run

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--proxy-server=127.0.0.1:9 --virtual-time-budget=3000 --enable-logging=stderr"
).split()

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium found")


def browse(page: Path, tmp_path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open ``page`` with a fresh profile and without a way to the network."""
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [BROWSER, *FLAGS, profile, *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A result folder."""
    place = tmp_path_factory.mktemp("report")
    run = make_run(place / "run", n_winners=4, accuracies=BETTER)
    write_report(run.files, run.config, "toy", place / "result")
    return place / "result"


@pytest.fixture(scope="module")
def opened(folder, tmp_path_factory) -> subprocess.CompletedProcess[str]:
    """The page after its scripts have run."""
    return browse(folder / "report.html", tmp_path_factory.mktemp("browser"), "--dump-dom")


def test_the_verdict_and_all_winners_are_on_the_page(opened):
    assert "1 of 2 trained winners is measurably more accurate" in opened.stdout
    assert set(re.findall(r'<details id="([^"]+)"', opened.stdout)) == {
        "input",
        *(f"rank_{rank}" for rank in range(1, 5)),
    }


def test_nothing_is_fetched_and_no_script_fails(opened):
    assert "CONSOLE" not in opened.stderr
    assert "net_error" not in opened.stderr and "ERR_" not in opened.stderr


def test_the_script_shows_the_buttons_that_need_it(opened):
    buttons = re.findall(r'<button class="tool"[^>]*>', opened.stdout)
    assert buttons and not any("hidden" in button for button in buttons)


def test_a_click_on_a_heading_sorts_the_table(folder, tmp_path):
    clicked = folder / "clicked.html"
    page = (folder / "report.html").read_text(encoding="utf-8")
    click = "<script>document.querySelectorAll('#winners-table th button')[3].click()</script>"
    clicked.write_text(page.replace("</body>", click + "</body>"), encoding="utf-8")
    dom = browse(clicked, tmp_path, "--dump-dom").stdout
    body = dom[dom.index('id="winners-table"') :]
    body = body[: body.index("</table>")]
    rows = [re.findall(r'data-key="([^"]+)"', row) for row in body.split("<tr")[2:]]
    costs = [float(row[3]) for row in rows]
    assert len(costs) == 5 and costs == sorted(costs, reverse=True)
    assert 'aria-sort="descending"' in body


def screenshot(folder: Path, tmp_path: Path, *flags: str) -> Image.Image:
    picture = tmp_path / "page.png"
    shot = f"--screenshot={picture}"
    browse(folder / "report.html", tmp_path, shot, "--window-size=1200,2400", *flags)
    return Image.open(picture).convert("RGB")


@pytest.mark.parametrize("scheme, background", [(1, (255, 255, 255)), (0, (17, 22, 28))])
def test_the_page_is_drawn_in_light_and_dark(folder, tmp_path, scheme, background):
    image = screenshot(folder, tmp_path, f"--blink-settings=preferredColorScheme={scheme}")
    assert image.getpixel((2, 2)) == background
    colours = image.getcolors(maxcolors=1 << 24)
    covered = dict((colour, count) for count, colour in colours)
    assert 0.3 < covered[background] / (image.width * image.height) < 0.95
    assert len(colours) > 200  # text, cards and figures, not an empty page


def test_a_narrow_window_does_not_cut_the_page(folder, tmp_path):
    probe = folder / "narrow.html"
    page = (folder / "report.html").read_text(encoding="utf-8")
    script = "<script>document.title = document.documentElement.scrollWidth</script>"
    probe.write_text(page.replace("</body>", script + "</body>"), encoding="utf-8")
    dom = browse(probe, tmp_path, "--dump-dom", "--window-size=600,900").stdout
    assert int(re.search(r"<title>(\d+)</title>", dom)[1]) <= 600
