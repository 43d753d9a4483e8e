"""The AutoGO report in a headless browser, without network: pointer, keyboard, colour schemes."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from archloom.report.autogo.folder import write_report
from report_world import BETTER, make_run

PICTURES = "document.querySelectorAll('#network .pane svg').length"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A result folder of six winners; the first two were trained, five are drawn."""
    place = tmp_path_factory.mktemp("report")
    run = make_run(place / "run", n_winners=6, accuracies=BETTER)
    run.config["report"]["members"] = 5
    write_report(run.files, run.config, "toy", place / "result")
    return place / "result"


@pytest.fixture
def page(browser, folder):
    """The page in a tab of its own; at the end nothing may have gone wrong or left the folder."""
    tab = browser.page()
    tab.open((folder / "report.html").as_uri())
    yield tab
    assert not tab.problems
    assert all(address.startswith(folder.as_uri()) for address in tab.requests)


def texts(page, selector):
    """The texts of all elements that are shown."""
    return page.evaluate(
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        ".filter((e) => e.checkVisibility()).map((e) => e.textContent.trim())"
    )


def current(page, kind):
    """The rank that is marked as the selected one among the "point"s or "row"s."""
    selector = {"point": ".point[aria-current]", "row": "#winners-table tr[aria-current]"}[kind]
    found = page.evaluate(
        f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.dataset.rank)"
    )
    return [int(rank) for rank in found]


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label')") or ""


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def open_network(page, rank, pictures=1):
    page.click(f'.point[data-rank="{rank}"]')
    page.until(f"{PICTURES} === {pictures}")


# --- plot --------------------------------------------------------------------------------------


def test_every_member_and_the_input_is_a_point(page):
    ranks = page.evaluate("[...document.querySelectorAll('.point')].map((e) => e.dataset.rank)")
    assert sorted(ranks) == list("0123456")
    assert page.evaluate("document.querySelectorAll('.dots').length") == 2
    assert not texts(page, "figure.static svg")


def test_resting_on_a_point_shows_its_figures(page):
    page.hover('.point[data-rank="2"]')
    (card,) = texts(page, ".card")
    assert card.startswith("Rank 2")
    assert "predicted score0.9300+0.0300" in card
    assert re.search(r"FLOPs[\d,]+ FLOPs−[\d.]+ %", card)
    assert re.search(r"measured accuracy95.13 %\+0.03", card)
    assert "conv" in card  # what changed
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=5, y=5)
    assert not texts(page, ".card")


def test_arrow_keys_move_through_the_points_and_enter_opens(page):
    page.evaluate("document.querySelector('.point[tabindex=\"0\"]').focus()")
    page.key("Home")
    seen = [focused(page)]
    for _ in range(6):
        page.key("ArrowRight")
        seen.append(focused(page))
    costs = [float(re.search(r"FLOPs ([\d,]+) FLOPs", text)[1].replace(",", "")) for text in seen]
    assert len(set(seen)) == 7 and costs == sorted(costs)
    page.key("ArrowUp")
    scores = [float(re.search(r"score ([\d.]+)", text)[1]) for text in (seen[-1], focused(page))]
    assert scores[1] >= scores[0]
    page.key("Home")
    page.key("Enter")
    page.until(f"{PICTURES} === 1 || document.querySelector('#network .empty')")
    rank = current(page, "point")[0]
    assert texts(page, "#network-title") == [f"Rank {rank}"]
    page.key("Escape")
    page.until("!document.getElementById('network').open")
    assert focused(page).startswith(f"Rank {rank}:")


def test_one_point_can_be_reached_with_tab_and_is_marked(page):
    assert page.evaluate("document.querySelectorAll('.point[tabindex=\"0\"]').length") == 1
    page.evaluate("document.querySelector('#explorer button.cloud').focus()")
    page.key("Tab")
    assert "predicted score" in focused(page)
    width = "getComputedStyle(document.activeElement.querySelector('.ring')).strokeWidth"
    assert page.evaluate(width) == "3px"


def choose(page, axis, name):
    page.evaluate(
        f"(() => {{ const list = document.querySelector('#explorer select[name={axis}]');"
        f"list.value = [...list.options].find((o) => o.text === {json.dumps(name)}).value;"
        "list.dispatchEvent(new Event('change')); })()"
    )


def test_axes_without_a_common_graph_say_so(browser, tmp_path):
    run = make_run(tmp_path / "run", n_winners=2, accuracies=BETTER[:1])
    document = json.loads(run.files.stats.read_text())
    latency = {"median": 2.0, "lower": 1.9, "upper": 2.2}
    for entry in document["front"]["members"]:
        same = {"own": latency, "input": latency}
        entry["latency"] = {**same, "change_percent": 0.0, "confirmed": True}
    run.change_stats(front=document["front"])
    write_report(run.files, run.config, "toy", tmp_path / "result")
    page = (tmp_path / "result" / "report.html").read_text(encoding="utf-8")
    without = page.replace('"values": [0.9, 521412.0, 95.1, 2.0]', '"values": [0.9, 1, 95.1, null]')
    assert without != page
    (tmp_path / "result" / "report.html").write_text(without, encoding="utf-8")
    tab = browser.page()
    tab.open((tmp_path / "result" / "report.html").as_uri())
    choose(tab, "x", "measured latency")
    choose(tab, "y", "measured accuracy")
    assert texts(tab, ".canvas .empty") == ["No graph has a value on both axes."]
    choose(tab, "y", "FLOPs")
    assert tab.evaluate("document.querySelectorAll('.point').length") == 2
    assert not tab.problems


def test_axes_can_be_chosen(page):
    choose(page, "y", "measured accuracy")
    ranks = page.evaluate("[...document.querySelectorAll('.point')].map((e) => e.dataset.rank)")
    assert sorted(ranks) == list("012")  # the others were not trained
    assert not texts(page, "button.cloud")
    choose(page, "x", "measured accuracy")  # the other axis gives way
    assert page.evaluate("document.querySelector('#explorer select[name=y]').value") == "1"
    names = texts(page, ".canvas .name")
    assert names == ["measured accuracy in % (more is better)", "FLOPs (less is better)"]


def test_four_figures_give_four_axes_and_doubtful_scores_are_marked(browser, tmp_path):
    run = make_run(tmp_path / "run", n_winners=3)
    document = json.loads(run.files.stats.read_text())
    front = document["front"]
    for name, unit in (("latency", "ms"), ("activations", "bytes")):
        front["figures"].append({"name": name, "unit": unit, "direction": "minimise"})
        for entry in (front["baseline"], *front["members"]):
            entry["values"][name] = 3.5 + entry.get("rank", 0)
            entry.get("changes", {})[name] = 1.0
        table = pq.read_table(run.files.visited)
        column = pa.array(np.full(len(table), 4.0))
        pq.write_table(table.append_column(name, column), run.files.visited)
    front["objectives"] = ["latency", "score"]
    front["members"][1]["range"] = {"distance": 9.0, "limit": 2.0, "inside": False, "why": ["x"]}
    run.change_stats(front=front)
    write_report(run.files, run.config, "toy", tmp_path / "result")
    tab = browser.page()
    tab.open((tmp_path / "result" / "report.html").as_uri())
    options = "[...document.querySelectorAll('#explorer select[name=x] option')]"
    assert tab.evaluate(f"{options}.map((e) => e.text)") == [
        "latency",
        "predicted score",
        "FLOPs",
        "activation memory",
    ]
    assert texts(tab, ".canvas .name")[0] == "latency in ms (less is better)"
    doubtful = "[...document.querySelectorAll('.point.doubtful')].map((e) => e.dataset.rank)"
    assert tab.evaluate(doubtful) == ["2"]
    tab.hover('.point[data-rank="2"]')
    assert "Outside the predictor's range (distance 9" in texts(tab, ".card")[0]
    assert not tab.problems


# --- table -------------------------------------------------------------------------------------


def column(page, name):
    """The cells of a column as they are shown, from top to bottom."""
    heads = [text.strip() for text in texts(page, "#winners-table th")]
    return texts(page, f"#winners-table tbody td:nth-child({heads.index(name) + 1})")


def test_a_click_on_a_heading_sorts_the_table(page):
    page.click("#winners-table th:nth-child(4) button")
    falling = [float(text) for text in column(page, "MFLOPs")]
    assert len(falling) == 7 and falling == sorted(falling, reverse=True)
    sorting = "document.querySelector('#winners-table th:nth-child(4)').ariaSort"
    assert page.evaluate(sorting) == "descending"
    page.click("#winners-table th:nth-child(4) button")
    assert [float(text) for text in column(page, "MFLOPs")] == falling[::-1]
    assert page.evaluate(sorting) == "ascending"


def test_the_keyboard_sorts_and_missing_values_come_last(page):
    page.evaluate("document.querySelector('#winners-table th:nth-child(6) button').focus()")
    for order in ("descending", "ascending"):
        page.key("Enter")
        heads = page.evaluate(
            "[...document.querySelectorAll('#winners-table th[aria-sort]')].map((e) => e.ariaSort)"
        )
        assert heads == [order]
        cells = column(page, "accuracy %")
        assert cells[3:] == ["–"] * 4
        values = [float(text.split()[0]) for text in cells[:3]]
        assert values == sorted(values, reverse=order == "descending")


def fill(page, name, value):
    page.evaluate(
        f"(() => {{ const field = document.querySelector('.filter [name={name}]');"
        f"field.value = {json.dumps(value)};"
        "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_text_and_range_filter_the_table_and_fade_the_points(page):
    page.type(".filter input[name=text]", "noise")
    assert column(page, "rank") == ["2"]
    assert texts(page, ".filter output") == ["1 of 7 shown"]
    page.click(".filter button")
    page.until("!document.querySelector('#winners-table tr[hidden]')")
    costs = sorted(float(text) for text in column(page, "MFLOPs"))
    heads = [text.strip() for text in texts(page, "#winners-table th")]
    fill(page, "column", str(heads.index("MFLOPs")))
    page.type(".filter input[name=to]", str(costs[3]))
    assert sorted(float(text) for text in column(page, "MFLOPs")) == [
        cost for cost in costs if cost <= costs[3]
    ]
    shown = set(column(page, "rank"))
    faded = page.evaluate(
        "[...document.querySelectorAll('.point.faded')].map((e) => e.dataset.rank)"
    )
    assert {rank if rank != "0" else "input" for rank in faded} == {
        "input",
        *"123456",
    } - shown


def test_plot_and_table_select_each_other(page):
    page.click('#winners-table tr[data-rank="4"] td:nth-child(2)')
    assert current(page, "point") == current(page, "row") == [4]
    page.evaluate("document.querySelector('.point[tabindex=\"0\"]').focus()")
    page.key("ArrowRight")
    assert current(page, "point") == current(page, "row") != [4]


# --- networks ----------------------------------------------------------------------------------


def test_a_click_shows_what_changed_and_both_whole_networks(page, folder):
    open_network(page, 3)
    assert page.evaluate("location.hash") == "#rank-3"
    assert texts(page, "#network h3")[:2] == ["What changed", "Files"]
    assert "removed" in texts(page, "#network .pane")[0]
    page.click("[data-action=whole]")
    page.until(f"{PICTURES} === 2")
    text = (folder / "report.html").read_text(encoding="utf-8")
    front = json.loads(re.search(r'id="front-data">(.*?)</script>', text)[1])
    member = front["members"][3]
    counts = page.evaluate(
        "[...document.querySelectorAll('.pane')].map((pane) => ['removed', 'added', 'changed']"
        ".map((kind) => pane.querySelectorAll(`.node rect.${kind}`).length))"
    )
    assert counts == [[status.count(digit) for digit in "123"] for status in status_of(member)]
    assert counts[0][0] + counts[0][2] > 0
    colours = page.evaluate(
        "['kept', 'removed', 'added', 'changed']"
        ".map((kind) => document.querySelector(`.node rect.${kind}`)).filter(Boolean)"
        ".map((e) => getComputedStyle(e).fill + getComputedStyle(e).strokeDasharray)"
    )
    assert len(set(colours)) == len(colours) > 1


def status_of(member):
    return member["before"], member["after"]


def test_a_node_shows_its_counterpart(page):
    open_network(page, 1)
    page.click("[data-action=whole]")
    page.until(f"{PICTURES} === 2")
    page.hover(".pane:first-child .node:nth-of-type(1)")
    assert page.evaluate("document.querySelectorAll('.pane:last-child .counterpart').length") == 1


def test_the_panes_zoom_and_scroll_together(page):
    open_network(page, 2)
    page.click("[data-action=whole]")
    page.until(f"{PICTURES} === 2")
    page.hover(".pane:last-child")
    for _ in range(6):
        page.click("[data-action=zoom-in]")
    widths = "[...document.querySelectorAll('.pane svg')].map((e) => e.getAttribute('width'))"
    assert len(texts(page, "#network output")) == 1
    before = [float(width) for width in page.evaluate(widths)]
    page.evaluate("document.querySelector('.pane:last-child').focus()")
    page.key("-")
    after = page.evaluate(widths)
    assert all(
        float(b) == pytest.approx(0.8 * float(a)) for a, b in zip(before, after, strict=True)
    )
    tops = "[...document.querySelectorAll('.pane')].map((e) => e.scrollTop)"
    page.evaluate("document.querySelectorAll('.pane').forEach((e) => e.scrollTo(0, 0))")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.evaluate("document.querySelector('.pane:last-child').scrollTo(0, 40)")
    page.until(f"{tops}.every((top) => top === 40)")


def test_arrows_step_through_the_networks_and_a_link_leads_to_one(page, folder):
    page.open((folder / "report.html").as_uri() + "#rank-5")
    page.until(f"{PICTURES} === 1")
    assert texts(page, "#network-title") == ["Rank 5"]
    page.key("ArrowRight")
    page.until("document.querySelector('#network .empty')")
    assert "report.members" in " ".join(texts(page, "#network [data-part=side]"))
    page.key("ArrowRight")
    page.until("document.getElementById('network-title').textContent === 'Input'")
    assert page.evaluate("location.hash") == "#input"
    page.click("[data-action=close]")
    page.until("!document.getElementById('network').open")
    assert page.evaluate("location.hash") == ""
    assert current(page, "row") == [0]


# --- files -------------------------------------------------------------------------------------


def test_files_come_out_of_the_page_when_it_stands_alone(browser, folder, tmp_path):
    lonely = tmp_path / "lonely" / "report.html"
    lonely.parent.mkdir()
    text = (folder / "report.html").read_text(encoding="utf-8")
    without = re.sub(r'"networks/rank_1\.onnx": "[^"]+"', '"gone": ""', text)
    assert without != text
    without = without.replace('"figures/rank_2.svg": ', '"gone_too": ')
    lonely.write_text(without, encoding="utf-8")
    tab = browser.page()
    (tmp_path / "downloads").mkdir()
    where = {"behavior": "allow", "downloadPath": str(tmp_path / "downloads")}
    tab.send("Page.setDownloadBehavior", **where)
    tab.open(lonely.as_uri() + "#rank-1")
    tab.until("document.querySelector('#network .files .missing')")
    in_table = texts(tab, '#winners-table tr[data-rank="1"] .missing')
    assert len(in_table) == 1 and in_table[0].startswith("ONNX: not beside this page")
    assert texts(tab, '#winners-table tr[data-rank="1"] .files a') == ["JSON", "SVG"]
    missing = texts(tab, "#network .missing")
    assert missing[0].endswith("not beside this page (networks/rank_1.onnx)")
    assert missing[1] == "No weights: not trained in this run"
    tab.key("ArrowRight")
    tab.click("[data-action=whole]")
    tab.until("document.querySelector('#network .empty')")
    assert texts(tab, "#network .empty a") == ["figures/input.svg", "figures/rank_2.svg"]
    tab.key("ArrowLeft")
    tab.until(f"{PICTURES} === 2")
    tab.click("#network .files a[href$='.json']")
    saved = tmp_path / "downloads" / "rank_1.json"
    wait_for(tab, saved)
    assert saved.read_bytes() == (folder / "networks" / "rank_1.json").read_bytes()


def wait_for(tab, path):
    """Let the browser work until a file is complete."""
    for _ in range(1000):
        if path.exists():
            return
        tab.evaluate("new Promise((done) => setTimeout(done, 10))")
    raise TimeoutError(path)


def test_a_foreign_name_stays_a_name(browser, tmp_path):
    run = make_run(tmp_path / "run", n_winners=2)
    name = '</script><script>hacked = 1</script><img src=x onerror="hacked = 2">\'&'
    write_report(run.files, run.config, name, tmp_path / "result")
    tab = browser.page()
    tab.open((tmp_path / "result" / "report.html").as_uri() + "#rank-1")
    tab.until(f"{PICTURES} === 1")
    assert texts(tab, "h1")[0].startswith(f"{name}: ")
    assert tab.evaluate("typeof hacked") == "undefined"
    assert not tab.problems


# --- looks -------------------------------------------------------------------------------------


def test_dark_follows_the_system_until_the_reader_chooses(page, folder):
    light, dark = "rgb(255, 255, 255)", "rgb(17, 22, 28)"
    assert background(page) == light
    page.media(scheme="dark")
    assert background(page) == dark
    page.click("#theme")
    assert background(page) == light
    page.open((folder / "report.html").as_uri())
    assert background(page) == light  # remembered, though the system is dark
    assert page.evaluate("document.getElementById('theme').ariaPressed") == "false"
    page.media()
    page.click("#theme")
    assert background(page) == dark


@pytest.mark.parametrize("scheme, colour", [("light", (255, 255, 255)), ("dark", (17, 22, 28))])
def test_the_page_is_drawn_in_both_schemes(page, tmp_path, scheme, colour):
    page.media(scheme=scheme)
    page.resize(1200, 2400)
    image = Image.open(page.screenshot(tmp_path / "page.png")).convert("RGB")
    found = {shade: count for count, shade in image.getcolors(maxcolors=1 << 24)}
    assert 0.3 < found[colour] / (image.width * image.height) < 0.95
    assert len(found) > 200  # text, cards and figures, not an empty page


@pytest.mark.parametrize("width", [400, 600])
def test_a_narrow_window_does_not_cut_the_page(page, width):
    page.resize(width, 900)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    open_network(page, 1)
    overflow = "document.getElementById('network').scrollWidth"
    assert page.evaluate(overflow) <= width
    assert (
        page.evaluate("document.querySelector('.canvas svg').getBoundingClientRect().width") < width
    )


def test_print_is_light_and_without_controls(page):
    page.media(scheme="dark", media="print")
    assert background(page) == "rgb(255, 255, 255)"
    assert not texts(page, "button:not(th button)") and not texts(page, ".filter")
    assert len(column(page, "rank")) == 7


def test_without_scripts_the_page_is_complete(browser, folder):
    tab = browser.page(scripts=False)
    tab.send("Page.navigate", url=(folder / "report.html").as_uri())
    tab.until("document.readyState === 'complete' && document.querySelector('#rank-5 img')")
    assert texts(tab, ".live") == [] and texts(tab, "dialog") == []
    assert len(texts(tab, "figure.static")) == 1
    assert len(texts(tab, "#networks > details > summary")) == 6
    assert tab.evaluate("[...document.images].every((e) => e.naturalWidth > 100)")
    assert not tab.problems
