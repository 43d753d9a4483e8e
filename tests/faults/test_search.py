"""A search that is killed, interrupted or short of disk: nothing half-written, nothing lost."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from archloom.errors import DataError
from archloom.search.archive import Archive
from archloom.search.graphs.evolution import evolve

TESTS = Path(__file__).parent.parent

PROGRAM = """
import sys
from archloom.search.graphs.evolution import evolve
from search_world import make_mutator, make_network
evolve(make_network(), make_mutator(iterations=100_000), folder=sys.argv[1])
"""


def finished_iterations(folder: Path) -> int:
    return len(list(folder.glob("iteration-*.json")))


def start_and_stop(folder: Path, sent: signal.Signals) -> int:
    """Start a search in a process, send it a signal once it has iterated, return its status."""
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    process = subprocess.Popen(command, cwd=TESTS, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if finished_iterations(folder) >= 3 or process.poll() is not None:
                break
            time.sleep(0.1)
        assert process.poll() is None, "the search ended before it could be stopped"
        for _ in range(30):  # third-party code may swallow one Ctrl-C; people press it again
            process.send_signal(sent)
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=2)
        raise AssertionError(f"the search goes on after {sent.name}")
    finally:
        process.kill()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_search_continues_to_the_result_of_an_undisturbed_one(tmp_path, sent):
    from search_world import make_mutator, make_network

    assert start_and_stop(tmp_path / "stopped", sent) != 0
    done = finished_iterations(tmp_path / "stopped")
    assert done >= 3
    again = evolve(make_network(), make_mutator(iterations=done + 1), folder=tmp_path / "stopped")
    whole = evolve(make_network(), make_mutator(iterations=done + 1))
    assert again.visited.equals(whole.visited)
    assert [m.graph.hash for m in again.members] == [m.graph.hash for m in whole.members]


def test_an_iteration_without_its_last_file_is_done_again(tmp_path):
    from search_world import make_mutator, make_network

    whole = evolve(make_network(), make_mutator(iterations=2), folder=tmp_path)
    (tmp_path / "iteration-0002.json").unlink()
    (tmp_path / "visited-0002.parquet").write_bytes(b"half")
    again = evolve(make_network(), make_mutator(iterations=2), folder=tmp_path)
    assert again.visited.equals(whole.visited)


def test_an_unwritable_folder_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(DataError, match="file"):
        Archive(blocked / "search", {}, ("score",))
