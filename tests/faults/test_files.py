"""Broken files and broken writes of every graph format: a clear error, and what was there stays."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import archloom
from archloom.errors import ArchloomError, DataError
from archloom.graph import Graph, GraphBuilder
from archloom.graph.graph import ARRAY_FIELDS
from archloom.io import read, write
from archloom.io.reference.cg_json import to_state_dict
from reference_pickles import compute_graph, dump

WRITTEN = ("net.json", "net.cg.json", "net.state.json", "net.parquet")
READ = (*WRITTEN, "net.pkl")
PRELUDE = f"""
import sys
sys.path.insert(0, {str(Path(archloom.__file__).parents[1])!r})
from archloom.errors import DataError
from archloom.graph import GraphBuilder
from archloom.io import write
b = GraphBuilder(name="new")
x = b.input(8, 8, 3)
for _ in range(400):
    x = b.conv(x, 4)
b.output(x)
graph = b.build()
"""


def network() -> Graph:
    b = GraphBuilder(name="net", family="test")
    x = b.input(16, 16, 3)
    for channels in range(4, 12):
        x = b.unary("relu", b.conv(x, channels, 3))
    b.output(b.matmul(b.unary("mean", x), 10))
    return b.build()


@pytest.fixture(params=READ)
def path(request, tmp_path) -> Path:
    """A whole file of each format that can be read."""
    path = tmp_path / request.param
    if request.param == "net.pkl":
        return dump(path, compute_graph(to_state_dict(network())))
    write(network(), path)
    return path


def graphs_of(path: Path) -> list[Graph]:
    found = read(path)
    return [found] if isinstance(found, Graph) else [g for g in found if isinstance(g, Graph)]


def same(found: Iterable[Graph]) -> bool:
    wanted = network()
    return all(
        np.array_equal(getattr(graph, field), getattr(wanted, field))
        for graph in found
        for field in ARRAY_FIELDS
    )


@pytest.mark.parametrize("eighth", range(8))
def test_a_truncated_file_is_refused_by_name(path, eighth):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * eighth // 8])
    with pytest.raises(ArchloomError, match=path.name):
        graphs_of(path)


@pytest.mark.parametrize("length", [1, 7, 64, 4096])
def test_random_bytes_are_refused_by_name_whatever_the_ending(path, length):
    path.write_bytes(random.Random(length).randbytes(length))
    with pytest.raises(ArchloomError, match=path.name):
        graphs_of(path)


def test_random_bytes_behind_a_right_start_are_refused(path):
    start = path.read_bytes()[:16]
    path.write_bytes(start + random.Random(0).randbytes(2000))
    with pytest.raises(ArchloomError, match=path.name):
        graphs_of(path)


def test_changed_bytes_of_a_store_are_noticed_or_do_not_matter(tmp_path):
    path = tmp_path / "net.parquet"
    write(network(), path)
    whole, draw, refused = path.read_bytes(), random.Random(1), 0
    for _ in range(150):
        place = draw.randrange(4, len(whole))
        path.write_bytes(whole[:place] + draw.randbytes(1) + whole[place + 1 :])
        try:
            assert same(graphs_of(path))
        except ArchloomError:
            refused += 1
    assert refused > 50


def test_changed_digits_of_own_json_are_noticed(tmp_path):
    path = tmp_path / "net.json"
    write(network(), path)
    text, draw = path.read_text(), random.Random(1)
    digits = [place for place, letter in enumerate(text) if letter.isdigit()]
    for place in draw.sample(digits, 60):
        other = str((int(text[place]) + draw.randrange(1, 10)) % 10)
        path.write_text(text[:place] + other + text[place + 1 :])
        try:
            found = graphs_of(path)[0]
        except ArchloomError:
            continue
        assert found.hash == network().hash  # an id or the name changed, not the architecture


@pytest.mark.parametrize("name", READ)
def test_a_folder_and_a_missing_file_are_data_errors(tmp_path, name):
    with pytest.raises(DataError, match=f"{name} could not be read"):
        read(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name} could not be read"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_folder_in_the_place_of_the_file_stays(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"{name} could not be written.*Nothing was changed"):
        write(network(), tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def in_child(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``code`` behind the prelude in another process."""
    command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def attempt(limit: str, path: Path) -> str:
    """Write ``path`` in a process under ``limit``; return the message of its ``DataError``."""
    done = in_child(
        "import os, resource\n"
        "import archloom.io.store  # before somebody else has no right to read it\n"
        f"{limit}\n"
        "try:\n"
        "    write(graph, sys.argv[1])\n"
        "except DataError as error:\n"
        "    print(error)\n",
        path,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", WRITTEN)
def test_a_full_disk_leaves_the_old_file(tmp_path, name):
    """The disk is "full" after a kilobyte: the limit of file size gives the same kind of error."""
    path = tmp_path / name
    write(network(), path)
    before = path.read_bytes()
    message = attempt("resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))", path)
    assert f"{name} could not be written" in message
    assert "File too large" in message
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITTEN)
def test_an_unwritable_folder_leaves_the_old_file(tmp_path, name):
    folder = tmp_path / "locked"
    folder.mkdir()
    path = folder / name
    write(network(), path)
    before = path.read_bytes()
    folder.chmod(0o500)
    # root may write anywhere: become somebody else, who may not even look into the folder
    somebody = "os.geteuid() or os.setuid(65534)"
    message = attempt(somebody, path)
    folder.chmod(0o700)
    assert f"{name} could not be written" in message
    assert "Permission denied" in message
    assert path.read_bytes() == before
    assert [entry.name for entry in folder.iterdir()] == [name]


def killed_while_writing(path: Path) -> None:
    """Start a store at ``path`` in another process and kill it after some row groups."""
    code = (
        "from archloom.io.store import StoreWriter\n"
        "with StoreWriter(sys.argv[1], row_group=2) as writer:\n"
        "    while True:\n"
        "        writer.add(graph)\n"
        "        print('added', flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, str(path)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    for _ in range(9):
        assert child.stdout.readline() == b"added\n"
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()


def test_a_killed_writer_leaves_the_old_store_and_the_next_one_succeeds(tmp_path):
    path = tmp_path / "net.parquet"
    write(network(), path)
    before = path.read_bytes()
    killed_while_writing(path)
    assert path.read_bytes() == before
    assert same(graphs_of(path))
    write([network()] * 3, path)
    assert len(graphs_of(path)) == 3


def test_a_killed_writer_leaves_nothing_that_looks_finished(tmp_path):
    killed_while_writing(tmp_path / "net.parquet")
    left = [entry for entry in tmp_path.iterdir()]
    assert all(entry.name.startswith(".") and entry.suffix == ".part" for entry in left)
    for entry in left:
        with pytest.raises(ArchloomError):
            read(entry)


def test_ctrl_c_while_writing_leaves_the_old_store(tmp_path):
    def interrupted():
        yield from [network()] * 600
        os.kill(os.getpid(), signal.SIGINT)
        yield from [network()] * 600

    path = tmp_path / "net.parquet"
    write(network(), path)
    with pytest.raises(KeyboardInterrupt):
        write(interrupted(), path)
    assert len(graphs_of(path)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.parquet"]
