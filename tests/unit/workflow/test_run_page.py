"""The page of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.workflow.run_page import Timeline, _without_circles, write_run_page


def page(run) -> str:
    path = run.root / "results/run.html"
    write_run_page(run.folders, run.root, path)
    return path.read_text()


def test_the_page_tells_time_memory_and_size_of_every_rule(run):
    run.did("build_graphs", "a", seconds=65)
    run.cost("build_graphs", "a", 70, 512)
    run.did("train_network", "b", inputs=["resources/build_graphs/a.txt"], minute=2)
    text = page(run)
    for words in ("build_graphs", "train_network", "1 min 10 s", "537 MB", "100 B"):
        assert words in text
    assert text.count('class="edge') == 1


def test_a_failure_comes_with_the_end_of_its_log(run):
    run.did("build", "a")
    run.says("train", "c", phase="failed", words="error: <full>")
    text = page(run)
    assert "error: &lt;full&gt;" in text
    assert "last of c" in text
    assert "logs/train/c.log" in text


def test_a_run_that_has_only_begun_has_a_page_too(run):
    run.says("train", "a")
    assert "train" in page(run)


def test_the_page_loads_nothing(run):
    run.did("build", "a")
    text = page(run)
    assert 'http-equiv="Content-Security-Policy" content="default-src ' in text
    assert 'src="http' not in text


def test_pauses_take_no_room_on_the_time_line():
    timeline = Timeline.of([(0, 10), (5, 20), (1000, 1020)])
    assert timeline.length == 40
    assert timeline.place(0, 10) == (0, 25)
    assert timeline.place(1000, 1020) == (50, 50)
    assert timeline.place(1010, 1020) == (75, 25)


@pytest.mark.parametrize("spans", [[], [(5, 5)]])
def test_a_time_line_of_nothing_divides_nothing(spans):
    timeline = Timeline.of(spans)
    assert timeline.length == 0
    assert timeline.place(5, 5) == (0, 0.3)


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_the_picture_of_the_rules_has_no_circles(edges):
    kept = _without_circles(edges)
    assert set(kept) <= edges
    left = list(kept)
    while left:  # take away rules that nothing leads to, until none is left
        targets = {target for _, target in left}
        ends = [edge for edge in left if edge[0] not in targets]
        assert ends
        left = [edge for edge in left if edge not in ends]


def test_rules_that_feed_each_other_keep_the_way_there():
    assert _without_circles({(0, 1), (1, 2), (2, 1), (2, 3)}) == [(0, 1), (1, 2), (2, 3)]
