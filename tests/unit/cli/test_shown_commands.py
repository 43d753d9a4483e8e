"""Every ``archloom`` command that README, pages and help show can be typed as it stands."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer

from archloom.cli import app
from archloom.execute.module import to_torch
from archloom.io import write
from archloom.io.weights import write_weights
from command_line import run
from search_world import make_network
from tensorflow_graphs import GraphDef

PROJECT = Path(__file__).parents[3]
PROGRAM = typer.main.get_command(app)
CHEAP = ("inspect", "convert", "draw")


def shown_on_pages():
    """(page, command) of code blocks; a command goes on behind a backslash."""
    for page in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        indented = "\n".join(re.findall(r"^ {4}(.*)$", text, re.MULTILINE))
        fenced = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        for line in re.findall(r"^(archloom .*)$", f"{indented}\n{fenced}", re.MULTILINE):
            yield page.name, line
        for line in re.findall(r"`(archloom [a-z-][^`\n]*--[^`\n]*)`", text):
            yield page.name, re.sub(r"[\[\]]", "", line)


def shown_in_help():
    """(command, example) of the examples in the help of the commands."""
    for name, command in PROGRAM.commands.items():
        example = re.search(r"Example: (archloom .*?)(?:\n\n|$)", command.help or "", re.DOTALL)
        assert example, f"the help of {name} shows no example"
        yield f"{name} --help", " ".join(example[1].split())


SHOWN = [*shown_on_pages(), *shown_in_help()]


def words_of(line):
    """The words behind ``archloom``: what a shell passes on, in a line without redirections."""
    return shlex.split(line, comments=True)[1:]


def test_pages_and_help_show_commands():
    assert len(SHOWN) > 50
    assert {words_of(line)[0] for _, line in SHOWN} >= {"optimise", "train-operators", "plan"}


@pytest.mark.parametrize(("where", "line"), SHOWN)
def test_a_shown_command_parses(where, line):
    name, *words = words_of(line)
    assert name in PROGRAM.commands, f"{where}: there is no command {name}"
    PROGRAM.commands[name].make_context(name, words)


def make(file, folder):
    """Write what a page means by the name ``file``."""
    graph, path = make_network(), folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".safetensors"):
        write_weights(path, to_torch(graph).weights(), graph)
    elif path.suffix == ".pb":
        g = GraphDef()
        x = g.conv(g.input(-1, -1, -1, 3), np.full((3, 3, 3, 4), 0.1))
        g.op("Mean", x, g.const([1, 2], "int32"))
        g.save(path)
    else:
        write(graph, path)


@pytest.mark.parametrize(("where", "line"), [one for one in SHOWN if words_of(one[1])[0] in CHEAP])
def test_a_cheap_command_runs_as_typed(where, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = words_of(line)
    values = PROGRAM.commands[words[0]].make_context(words[0], words[1:]).params
    for file in filter(None, (values.get(name) for name in ("file", "weights", "parent"))):
        make(file, tmp_path)
    if str(values["file"]).endswith(".pb") and not values["input_shape"]:
        words += ["--input-shape", "1,12,10,3"]
    assert run(*words) == 0
    assert "to" not in values or Path(values["to"]).stat().st_size > 100
