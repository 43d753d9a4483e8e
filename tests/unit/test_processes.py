"""Pools of processes end with what started them."""

import ast
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
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


def test_tasks_are_done_in_order_and_errors_come_back():
    with process_pool(2, nothing, ()) as pool:
        assert list(pool.map(abs, range(-20, 0))) == list(range(20, 0, -1))
        with pytest.raises(ZeroDivisionError) as caught:
            pool.submit(divmod, 1, 0).result()
        assert "in a worker process" in caught.value.__notes__[0]
        assert pool.submit(max, 1, 2).result() == 2


def test_a_large_result_of_every_task_comes_through():
    with process_pool(2, nothing, ()) as pool:
        assert [len(one) for one in pool.map(bytes, [1 << 20] * 6)] == [1 << 20] * 6


def test_a_worker_that_dies_is_told():
    with process_pool(1, nothing, ()) as pool, pytest.raises(BrokenProcessPool):
        pool.submit(os._exit, 3).result()


def test_a_start_that_fails_is_told():
    with process_pool(1, divmod, (1, 0)) as pool, pytest.raises(BrokenProcessPool):
        pool.submit(max, 1, 2).result()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_at_once_with_their_parent_and_leave_nothing(number, tmp_path):
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


def test_no_semaphore_is_left_when_all_processes_are_killed_at_once(tmp_path):
    script, folder = tmp_path / "program.py", tmp_path / "alive"
    script.write_text(PROGRAM)
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    parent = subprocess.Popen([sys.executable, script, folder], env=environment, process_group=0)
    while len(list(folder.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    maps = Path(f"/proc/{parent.pid}/maps").read_text()
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    assert "/dev/shm/sem." not in maps


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
