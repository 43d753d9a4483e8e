"""``archloom datasets`` and ``archloom fetch``."""

import hashlib

import pytest
import yaml

from archloom.data import registry
from command_line import run
from data_server import status, whole

CONTENT = b"twelve bytes"


@pytest.fixture(autouse=True)
def checkout(server, tmp_path, monkeypatch):
    """A checkout with one dataset of two files, one of which the server has."""
    monkeypatch.delenv(registry.ENVIRONMENT_VARIABLE, raising=False)
    root = tmp_path / "project"
    (root / "config").mkdir(parents=True)
    monkeypatch.chdir(root)
    pin = {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    files = {
        "a.bin": pin | {"from": [f"{server.url}/a.bin"]},
        "b.bin": {"size": None, "sha256": None},
    }
    toy = {"what": "a toy", "licence": "MIT", "source": "a shop", "url": "https://toy.org"}
    table = {"format": registry.FORMAT, "version": registry.VERSION}
    table["datasets"] = {"toy": toy | {"steps": "Ask for it.", "files": files}}
    registry.REGISTRY_PATH.write_text(yaml.safe_dump(table))


def test_the_table_says_what_is_here(capsys):
    assert run("datasets") == 0
    shown = capsys.readouterr().out
    assert "toy" in shown and "0 of 2" in shown and "in part" in shown


def test_one_dataset_is_shown_with_sources_and_steps(capsys):
    assert run("datasets", "toy") == 0
    shown = capsys.readouterr().out
    for words in ("Ask for it.", "12 B", "size not known", "without an address"):
        assert words in shown
    assert run("datasets", "toi") == 1
    assert "did you mean toy" in capsys.readouterr().err


def test_a_file_is_fetched_once(server, capsys):
    server.answers = [whole(CONTENT)]
    assert run("fetch", "toy/a.bin") == 0
    place = registry.OWN_FOLDER / "toy/a.bin"
    assert place.read_bytes() == CONTENT
    assert "toy/a.bin is in" in capsys.readouterr().out
    assert run("fetch", "toy/a.bin") == 0
    assert len(server.requests) == 1


def test_what_can_be_had_is_fetched_and_the_rest_told(server, capsys):
    server.answers = [whole(CONTENT)]
    assert run("fetch", "toy") == 1
    told = capsys.readouterr()
    assert "toy/a.bin is in" in told.out
    assert "toy/b.bin is not here" in told.err and "1 files are not here" in told.err


def test_a_file_that_is_nowhere_any_more_is_an_error(server, capsys):
    server.answers = [status(404)]
    assert run("fetch", "toy/a.bin") == 1
    assert "404" in capsys.readouterr().err
    assert run("fetch", "toy/c.bin") == 1
    assert "it has a.bin, b.bin" in capsys.readouterr().err
