"""The page of published tables in a headless browser, without network and data."""

import pytest

from archloom.report.published.ours import Sources
from archloom.report.published.tables import write_tables


@pytest.fixture(scope="module")
def address(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    write_tables(project / "config" / "published" / "autogo.yaml", Sources(), folder)
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(browser, address):
    """The page in a tab of its own; at the end nothing may have gone wrong or been loaded."""
    tab = browser.page()
    tab.open(address)
    yield tab
    assert not tab.problems
    assert tab.requests == [address]


def test_every_table_is_reached_from_the_head(page):
    assert page.evaluate("document.querySelectorAll('main table').length") == 10
    page.click('nav a[href="#table9"]')
    page.until("location.hash === '#table9' && scrollY > 1000")


@pytest.mark.parametrize("width", [400, 1200])
def test_wide_tables_scroll_inside_their_frame(page, width):
    page.resize(width, 900)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = "[...document.querySelectorAll('main .scroll')].every((e) => e.clientWidth > 0)"
    assert page.evaluate(shown)


def test_both_colour_schemes(page):
    colours = set()
    for scheme in ("light", "dark"):
        page.media(scheme=scheme)
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2
