"""Retrieval: local folders first, then the sources, and nothing that has other bytes."""

import hashlib
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from archloom.data import registry
from archloom.data.download import Patience
from archloom.data.registry import DOWNLOAD_VARIABLE, ENVIRONMENT_VARIABLE
from archloom.data.retrieve import HUB_VARIABLE, address, may_download, own_place, retrieve
from archloom.errors import DataError
from data_server import plain, status, whole

CONTENT = random.Random(0).randbytes(3000)
SHA = hashlib.sha256(CONTENT).hexdigest()
HASTY = Patience(tries=2, timeout_s=0.3, pause_s=0.001, longest_s=0.01)


@pytest.fixture
def checkout(tmp_path, monkeypatch, server):
    """A project with one dataset of a pinned file, an unpinned one, and one without an address."""
    root = tmp_path / "project"
    (root / "config").mkdir(parents=True)
    url = f"{server.url}/pinned.bin"
    files = {
        "pinned.bin": {"size": len(CONTENT), "sha256": SHA, "from": [url, f"{url}?second"]},
        "unpinned.bin": {"size": None, "sha256": None, "from": [url]},
        "nowhere.bin": {"size": len(CONTENT), "sha256": SHA},
    }
    toy = {"what": "a toy", "licence": "MIT", "source": "a shop", "url": "https://toy.org"}
    write_table(root, {"toy": toy | {"steps": "Sign in first.", "files": files}})
    monkeypatch.chdir(root)
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    return root


def write_table(root, datasets):
    table = {"format": registry.FORMAT, "version": registry.VERSION, "datasets": datasets}
    (root / registry.REGISTRY_PATH).write_text(yaml.safe_dump(table))
    registry._read_table.cache_clear()


def bring(file="pinned.bin", **options):
    to = own_place("toy", file)
    retrieve("toy", file, to, online=True, patience=HASTY, **options)
    assert to.read_bytes() == CONTENT
    return to


def left(checkout):
    return {path.name for path in (checkout / "resources/data/toy").iterdir()}


def test_a_local_file_is_copied_and_nobody_asked(checkout, server, tmp_path):
    (tmp_path / "shared/data/toy").mkdir(parents=True)
    (tmp_path / "shared/data/toy/pinned.bin").write_bytes(CONTENT)
    bring()
    assert server.requests == []


def test_offline_a_missing_file_is_an_error_and_nobody_asked(checkout, server):
    with pytest.raises(DataError) as caught:
        retrieve("toy", "pinned.bin", own_place("toy", "pinned.bin"))
    for words in ("toy/pinned.bin is not here", "a shop", "Sign in first.", "data.mirror"):
        assert words in str(caught.value)
    assert server.requests == []


def test_online_it_is_downloaded_and_no_trace_of_that_is_left(checkout, server):
    server.answers = [whole(CONTENT, cut=1000), whole(CONTENT)]
    bring()
    assert left(checkout) - {".pinned.bin.lock"} == {"pinned.bin"}


def test_the_second_source_is_asked_when_the_first_has_not_the_file(checkout, server):
    server.answers = [status(404), whole(CONTENT)]
    bring()
    assert server.requests[1].path.endswith("?second")


def test_wrong_bytes_are_never_put_in_place(checkout, server):
    server.answers = [plain(bytes(len(CONTENT)))]
    with pytest.raises(DataError) as caught:
        bring()
    assert f"instead of {SHA}" in str(caught.value)
    assert str(caught.value).count("it gave SHA-256") == 2  # one per source
    assert left(checkout) == {".pinned.bin.lock"}


def test_parts_of_two_versions_that_met_are_thrown_away(checkout, server):
    halves = whole(bytes(len(CONTENT)), etag=None, cut=1000)
    server.answers = [halves, status(404), status(404)]
    with pytest.raises(DataError):
        bring()
    server.answers += [whole(CONTENT, etag=None)]
    bring()
    assert [r.headers.get("Range") for r in server.requests[3:]] == ["bytes=1000-", None]


def test_a_damaged_file_in_our_own_folder_is_downloaded_again(checkout, server):
    own_place("toy", "pinned.bin").parent.mkdir(parents=True)
    own_place("toy", "pinned.bin").write_bytes(b"half")
    with pytest.raises(DataError, match="4 bytes instead of 3000"):
        retrieve("toy", "pinned.bin", own_place("toy", "pinned.bin"))
    server.answers = [whole(CONTENT)]
    bring()


def test_a_damaged_file_in_a_mirror_is_named_and_left_alone(checkout, server, tmp_path):
    mirrored = tmp_path / "shared/data/toy/pinned.bin"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(b"half")
    with pytest.raises(DataError, match="shared/data/toy/pinned.bin has 4 bytes"):
        bring()
    assert mirrored.read_bytes() == b"half" and server.requests == []


def test_a_file_nobody_has_pinned_is_refused_and_its_checksum_told(checkout, server):
    server.answers = [whole(CONTENT)]
    with pytest.raises(DataError) as caught:
        bring("unpinned.bin")
    assert SHA in str(caught.value) and "3000 bytes" in str(caught.value)
    assert not own_place("toy", "unpinned.bin").exists()
    table = registry.REGISTRY_PATH.read_text().replace("sha256: null", f"sha256: '{SHA}'")
    registry.REGISTRY_PATH.write_text(table.replace("size: null", "size: 3000"))
    registry._read_table.cache_clear()
    bring("unpinned.bin")  # what has come is used now
    assert len(server.requests) == 1


def test_a_local_file_nobody_has_pinned_is_refused_too(checkout):
    own_place("toy", "unpinned.bin").parent.mkdir(parents=True)
    own_place("toy", "unpinned.bin").write_bytes(CONTENT)
    with pytest.raises(DataError, match=f"3000 bytes with SHA-256 {SHA}.*not used"):
        registry.find("toy", "unpinned.bin")


def test_a_file_without_an_address_says_what_to_do(checkout):
    with pytest.raises(DataError, match="Sign in first.*no address to download"):
        bring("nowhere.bin")


def test_all_sources_and_why_they_failed_are_listed(checkout, server):
    server.answers = [status(404), status(403)]
    with pytest.raises(DataError, match=r"404 Not Found; http://.*second: it answers 403"):
        bring()


def test_two_that_want_one_file_download_it_once(checkout, server):
    server.answers = [whole(CONTENT)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: bring(), range(4)))
    assert len(server.requests) == 1


def test_the_lock_of_a_killed_process_holds_nobody_up(checkout, server):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from archloom.data.retrieve import _alone\n"
        "with _alone(Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    partial = own_place("toy", ".pinned.bin.partial")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, str(partial)], env=environment, check=False)
    assert done.returncode == -9 and partial.with_suffix(".lock").exists()
    server.answers = [whole(CONTENT)]
    bring()


def test_the_hub_is_an_address_too(checkout, server, monkeypatch):
    assert address("hub:me/net@v1/a/b.bin") == "https://huggingface.co/me/net/resolve/v1/a/b.bin"
    monkeypatch.setenv(HUB_VARIABLE, f"{server.url}/")
    assert address("hub:datasets/me/d@main/x") == f"{server.url}/datasets/me/d/resolve/main/x"


def test_jobs_download_only_where_the_settings_say_so(monkeypatch):
    monkeypatch.delenv(DOWNLOAD_VARIABLE, raising=False)
    assert not may_download()
    monkeypatch.setenv(DOWNLOAD_VARIABLE, "1")
    assert may_download()


@pytest.mark.parametrize("permitted", [True, False])
def test_the_job_of_a_run_downloads_where_it_may(checkout, server, project, permitted):
    server.answers = [whole(CONTENT)]
    to = own_place("toy", "pinned.bin")
    command = [sys.executable, project / "workflow/scripts/retrieve_file.py", "--log", "job.log"]
    command += ["--wildcard", "dataset", "toy", "--wildcard", "file", "pinned.bin"]
    environment = os.environ | {DOWNLOAD_VARIABLE: "1" if permitted else ""}
    done = subprocess.run(
        [*command, "--output", "file", to],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == permitted == to.exists() == bool(server.requests)
    assert permitted or "toy/pinned.bin is not here" in done.stderr
