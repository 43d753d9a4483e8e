"""Pools of processes end with what started them."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archloom.processes import process_pool

PROGRAM = """
import sys, time
from pathlib import Path
from archloom.processes import process_pool

def start(folder):
    global FOLDER
    FOLDER = Path(folder)

def work(number):
    import os
    (FOLDER / str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    if len(sys.argv) > 2:
        import signal
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with process_pool(2, start, (sys.argv[1],)) as pool:
        list(pool.map(work, range(4)))
"""


def nothing() -> None:
    """Start as a worker that needs nothing."""


def test_tasks_are_done():
    with process_pool(1, nothing, ()) as pool:
        assert list(pool.map(abs, [-1, 2])) == [1, 2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_end_at_once_with_their_parent(number, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    folder = tmp_path / "alive"
    folder.mkdir()
    command = [sys.executable, script, folder, *(["term"] if number == signal.SIGTERM else [])]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    parent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while len(list(folder.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(number)  # to the parent alone, as a scheduler does
    assert parent.wait(timeout=60) != 0
    workers = [int(path.name) for path in folder.iterdir()]
    deadline = time.monotonic() + 30
    while any(map(lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(lives, workers))


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_no_error_handler_takes_ctrl_c():
    root = Path(__file__).parents[2]
    for path in [*(root / "src").rglob("*.py"), *(root / "workflow").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = "everything" if node.type is None else ast.unparse(node.type)
            if caught == "everything" or "BaseException" in caught:
                last = node.body[-1]
                assert isinstance(last, ast.Raise) and last.exc is None, f"{path}:{node.lineno}"
