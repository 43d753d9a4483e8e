"""One Snakemake at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from archloom.errors import DataError
from archloom.workflow import hold as module
from archloom.workflow.hold import LOCK, hold

HOLD = """
import sys
from pathlib import Path
from archloom.workflow.hold import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def release():
    yield
    while module._held:
        module._held.pop().release()


def test_a_folder_is_held_by_one_process_until_it_ends_however_it_ends(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(DataError, match=r"another Snakemake runs.*Nothing was started"):
        hold(tmp_path)
    other.kill()
    other.wait()
    hold(tmp_path)
    assert (tmp_path / LOCK).is_file()
    other.stdin.close()
    other.stdout.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / ".snakemake").write_text("in the way")
    with pytest.raises(DataError, match="could not be written"):
        hold(tmp_path)


def test_the_workflow_holds_its_folder_when_it_starts():
    root = Path(__file__).parents[3]
    assert "onstart:\n    hold_folder()" in (root / "Snakefile").read_text()
