"""Names are data: nothing that stands in one is obeyed by a terminal, a page or a picture."""

import logging
import os
import subprocess
import sys
import xml.dom.minidom

import pytest
from tests.faults.test_files import network

from archloom.cli.app import PlainConsole
from archloom.drawing.graphs import draw
from archloom.errors import FormatError
from archloom.graph import Graph
from archloom.io import read_graph, write
from archloom.io.store import GraphStore
from archloom.visible import visible, whole
from archloom.workflow.job import job
from command_line import run
from search_world import make_network

NAMES = {
    "markup": "[/b]",
    "style": "[red]x[/red]",
    "link": "[link=file:///etc/passwd]x[/link]",
    "emoji": ":warning:",
    "escape": "a\x1b]0;title\x07\x1b[31mb",
    "c1": "a\x9b31mb",
    "back": "good\x08\x08\x08\x08evil\r",
    "bidi": "a\u202egnp.exe",
    "null": "a\x00b",
    "nonchar": "a\uffffb",
    "surrogate": "a\ud800b",
    "xml": "</text><script>alert(1)</script>",
}
NOT_SEEN = set("\x00\x07\x08\r\x1b\x9b\u202e\uffff\ud800")


@pytest.fixture(params=NAMES)
def graph(request) -> Graph:
    return make_network().replace(name=NAMES[request.param], family=NAMES[request.param])


def test_a_name_is_printed_as_it_is_with_what_cannot_be_seen_escaped(graph, tmp_path, capsys):
    write(graph, tmp_path / "g.json")
    assert run("inspect", tmp_path / "g.json") == 0
    shown = capsys.readouterr().out
    assert visible(graph.name).strip() in shown
    assert not NOT_SEEN & set(shown)


def test_a_name_in_an_error_message_is_not_obeyed(graph, tmp_path, capsys):
    write(graph, tmp_path / "g.json")
    text = (tmp_path / "g.json").read_text().replace('"id": 0', '"id": "0"')
    (tmp_path / "g.json").write_text(text.replace('"op": "input"', '"op": "[bold]\\u001b[2J"'))
    assert run("inspect", tmp_path / "g.json") == 1
    shown = capsys.readouterr().err
    assert "node entry" in shown
    assert not NOT_SEEN & set(shown)


def test_a_message_made_of_a_name_is_escaped_but_keeps_its_lines():
    assert str(FormatError("graph a\x1bb:\n\tsee\x85")) == "graph a\\x1bb:\n\tsee\\x85"


def test_a_drawing_is_xml_and_utf_8_whatever_the_name(graph, tmp_path):
    draw(graph, path=tmp_path / "g.svg")
    document = xml.dom.minidom.parse(str(tmp_path / "g.svg"))
    assert not document.getElementsByTagName("script")
    assert visible(graph.name) in document.getElementsByTagName("title")[0].firstChild.data


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_a_name_survives_in_own_files(graph, ending, tmp_path):
    path = tmp_path / f"g.{ending}"
    write(graph, path)
    found = read_graph(path) if ending == "json" else next(iter(GraphStore(path)))
    assert (found.name, found.family) == (graph.name, graph.family)
    assert found.hash == graph.hash


@pytest.mark.parametrize("ending", ["onnx", "cg.json", "state.json"])
def test_every_name_can_be_written(graph, ending, tmp_path):
    write(network().replace(name=graph.name, family=graph.family), tmp_path / f"g.{ending}")
    assert (tmp_path / f"g.{ending}").stat().st_size


def test_half_characters_are_written_out():
    assert whole("a\ud800b") == "a\\ud800b" == make_network().replace(name="a\ud800b").name
    assert whole("網路") == "網路"


def test_plain_text_in_other_scripts_stays():
    text = "Größe 5\u202f% – 網路 é\u00a0x"
    assert visible(text) == text
    console = PlainConsole()
    with console.capture() as shown:
        console.print(text)
    assert shown.get().strip() == text


def test_a_log_shows_what_a_name_would_do(tmp_path, monkeypatch):
    path = tmp_path / "logs/rule/a.log"
    with job(["--log", str(path)]):
        logging.getLogger("archloom").warning("graph %s", NAMES["escape"])
    assert "\x1b" not in path.read_text()
    assert "a\\x1b]0;title" in path.read_text()


def test_drawings_are_the_same_bytes_in_every_process(tmp_path):
    write(make_network(), tmp_path / "g.json")
    program = (
        "import sys; from archloom.io import read_graph; from archloom.drawing.graphs import draw; "
        "junk = [object() for _ in range(int(sys.argv[3]))]; "
        "draw(read_graph(sys.argv[1]), path=sys.argv[2])"
    )
    found = set()
    for seed in range(3):
        out = tmp_path / f"{seed}.svg"
        command = [sys.executable, "-c", program, tmp_path / "g.json", out, str(seed * 12345)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": str(seed)})
        found.add(out.read_bytes())
    assert len(found) == 1
