"""The graphs released with the reference, and a web server on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from archloom.graph import Graph
from archloom.io.reference.cg_json import from_cg_json
from data_server import DataServer, running


@pytest.fixture(scope="session")
def shipped_documents(data_folder: Path) -> dict[str, dict]:
    """The JSON documents of the reference's graphs by name: 21 released ones and one rebuilt."""
    paths = sorted((data_folder / "autogo_cgs").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


@pytest.fixture(scope="session")
def shipped(shipped_documents: dict[str, dict]) -> dict[str, Graph]:
    """The reference's graphs by name."""
    return {name: from_cg_json(document) for name, document in shipped_documents.items()}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataServer]:
    """A web server that is asked without a proxy in between."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with running() as world:
        yield world
