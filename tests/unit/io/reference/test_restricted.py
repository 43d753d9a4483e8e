"""Hostile and damaged pickles: nothing runs, nothing hangs, every refusal says why."""

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import ArchloomError, DataError, FormatError
from archloom.io.reference import restricted
from archloom.io.reference.restricted import Limits, unpickle
from reference_pickles import RegularNode, compute_graph, dump, with_attributes

MARK = "archloom-was-here"


class Calls:
    """Pickles as a call of ``function``."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def refused(path: Path, memory_mb: int = 512) -> str:
    limits = Limits(memory_mb=memory_mb, seconds=20)
    with pytest.raises(FormatError) as error:
        list(unpickle(path, limits).items)
    assert path.name in str(error.value)
    return str(error.value)


def raw(path: Path, content: bytes) -> Path:
    path.write_bytes(b"\x80\x04" + content)
    return path


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, (f"touch {MARK}",), "posix.system"),
        (eval, (f"open('{MARK}', 'w')",), "builtins.eval"),
        (exec, (f"open('{MARK}', 'w')",), "builtins.exec"),
        (open, (MARK, "w"), "io.open"),
        (getattr, ("", "join"), "builtins.getattr"),
        (subprocess.Popen, (["touch", MARK],), "subprocess.Popen"),
        (__import__, ("os",), "builtins.__import__"),
        (bytearray, (10,), "builtins.bytearray"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_call_is_refused_by_name_and_not_made(
    tmp_path, monkeypatch, function, arguments, name, nested
):
    monkeypatch.chdir(tmp_path)
    content = Calls(function, *arguments)
    if nested:
        node = with_attributes(RegularNode, {"label": content})
        content = [{"compute graph": node, "acc": 0.5}]
    message = refused(dump(tmp_path / "hostile.pkl", content))
    assert name in message
    assert "may be hostile" in message
    assert not (tmp_path / MARK).exists()
    assert not Path("/", MARK).exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("model_src.comp_graph.tf_comp_graph", "ComputeGraph.__init__"),
        ("model_src.comp_graph.tf_comp_graph", "os.system"),
        ("model_src.comp_graph.tf_comp_graph", "tf"),
        ("os.tf_comp_graph", "system"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("collections", "OrderedDict"),
        ("__main__", "RestrictedReader"),
        ("", ""),
    ],
)
def test_only_the_references_names_are_known(tmp_path, module, name):
    texts = b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, name))
    assert f"{module}.{name}" in refused(raw(tmp_path / "x.pkl", texts + b"\x93."))
    path = tmp_path / "old.pkl"
    path.write_bytes(f"c{module}\n{name}\n.".encode())
    assert f"{module}.{name}" in refused(path)


def graph_class(name: str = "RegularNode") -> bytes:
    return f"cmodel_src.comp_graph.tf_comp_graph\n{name}\n".encode()


@pytest.mark.parametrize(
    "program",
    [
        graph_class() + b")\x81]b.",  # state that is a list
        graph_class() + b")\x81K\x01b.",  # state that is a number
        graph_class() + b")\x81}(K\x01K\x02ub.",  # attribute names that are numbers
        graph_class() + b"}(\x8c\x0b__setattr__K\x01ub.",  # state for the class itself
        graph_class() + b"(K\x01tR.",  # the class called with an argument
        graph_class() + b".",  # the class itself as content
        b"cnumpy\ndtype\n(\x8c\x01OtRcnumpy.core.multiarray\nscalar\nh\x00\x85R.",
        b"cnumpy.core.multiarray\nscalar\n(K\x01K\x02tR.",
        b"\x82\x01.",  # extension registry
        b"\x8c\x01aQ.",  # persistent id
        b"Pabc\n.",
        b"C\x03abc.",  # bytes
        b"}(\x8c\x01a\x85K\x01u.",  # tuple as key
    ],
)
def test_strange_programs_are_refused(tmp_path, program):
    message = refused(raw(tmp_path / "x.pkl", program))
    assert "get it" in message or "get the file" in message


def test_an_object_that_contains_itself_is_refused(tmp_path):
    loop: list = []
    loop.append(loop)
    assert "nesting" in refused(dump(tmp_path / "loop.pkl", [loop]))


def test_deep_nesting_is_refused(tmp_path):
    assert "nesting" in refused(raw(tmp_path / "deep.pkl", b"]" * 200_000 + b"a" * 199_999 + b"."))


def test_deep_tuples_as_keys_do_not_take_us_down(tmp_path):
    refused(raw(tmp_path / "key.pkl", b"})" + b"\x85" * 500_000 + b"K\x01s."))


def test_doubling_references_run_into_a_limit(tmp_path):
    """Forty lists, each of which holds the one before twice: 2**40 entries from a few bytes."""
    program = b"]\x94" + b"".join(b"](h%ch%ce\x94" % (i, i) for i in range(40))
    path = raw(tmp_path / "laughs.pkl", program + b".")
    message = refused(path, memory_mb=64)
    assert "limit of memory" in message
    assert "may be hostile" in message


@pytest.mark.parametrize(
    "program",
    [
        b"\x8e" + struct.pack("<Q", 2**62) + b"x.",  # bytes of 4 EiB
        b"\x8d" + struct.pack("<Q", 2**40) + b"x.",  # text of 1 TiB
        b"\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",  # a number of 2 GiB
        b"]r" + struct.pack("<I", 2**32 - 1) + b".",  # a memo of 32 GiB
        b"\x95" + struct.pack("<Q", 2**50) + b"].",  # a frame of 1 PiB
    ],
)
def test_announced_sizes_are_not_believed(tmp_path, program):
    refused(raw(tmp_path / "huge.pkl", program))


def test_a_slow_program_is_stopped(tmp_path):
    """Appending the same element over and over: long for the processor, small in memory."""
    program = b"]" + b"Na" * 3_000_000 + b"0]."
    path = raw(tmp_path / "slow.pkl", program)
    with pytest.raises(FormatError, match="limit of time"):
        unpickle(path, Limits(seconds=0))


def test_files_over_the_size_limit_are_not_opened(tmp_path):
    path = tmp_path / "large.pkl"
    with path.open("wb") as file:
        file.truncate(3 << 20)
    with pytest.raises(FormatError, match=r"large.pkl has 3 MiB, the limit for pickles is 2"):
        unpickle(path, Limits(file_mb=2))


def test_compressed_files_are_refused_unread(tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", bytes(10_000_000))
    for name, content in {"gzip": gzip.compress(bytes(10**7)), "zip": bomb.getvalue()}.items():
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(content)
        assert f"is compressed ({name})" in refused(path)
        assert "unpack it first" in refused(path)


def test_bytes_behind_the_end_are_refused(tmp_path):
    path = dump(tmp_path / "x.pkl", [1])
    path.write_bytes(path.read_bytes() + b"more")
    assert "further bytes behind its end" in refused(path)


def test_truncation_anywhere_is_refused(tmp_path):
    node = {"label": "relu", "resolution": [1] * 6, "strides": None}
    state = {"name": "x", "edge_pairs": [], "regular_nodes": [node] * 20, "weighted_nodes": []}
    whole = dump(tmp_path / "x.pkl", compute_graph(state)).read_bytes()
    for eighth in range(8):
        path = tmp_path / f"cut{eighth}.pkl"
        path.write_bytes(whole[: len(whole) * eighth // 8])
        assert "truncated or damaged" in refused(path)


@settings(max_examples=15)
@given(st.binary(max_size=40))
def test_random_bytes_never_do_anything_but_raise_our_errors(tmp_path_factory, content):
    path = raw(tmp_path_factory.mktemp("random") / "x.pkl", content)
    try:
        list(unpickle(path, Limits(memory_mb=256, seconds=10)).items)
    except ArchloomError:
        pass


def test_the_child_can_open_nothing_and_start_nothing(tmp_path):
    """The limits hold even for code that would run inside the child."""
    child = restricted._CHILD
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import sys, os, socket\n"
        f"sys.path.insert(0, {str(child.parent)!r})\n"
        "import restricted_child\n"
        "restricted_child.set_limits(1 << 30, 20, 1 << 20)\n"
        "for attempt in (lambda: open('/etc/hostname'), socket.socket, os.pipe):\n"
        "    try:\n"
        "        attempt()\n"
        "        print('opened')\n"
        "    except OSError:\n"
        "        print('refused')\n"
    )
    done = subprocess.run([sys.executable, probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused"] * 3


def test_the_environment_of_the_child_is_empty(tmp_path, monkeypatch):
    seen = {}

    def record(command, **options):
        seen.update(options, command=command)
        return subprocess.CompletedProcess(command, 1, b"", b"")

    monkeypatch.setattr(restricted.subprocess, "run", record)
    with pytest.raises(FormatError, match="ended with code 1"):
        unpickle(dump(tmp_path / "x.pkl", 1))
    assert seen["env"] == {}
    assert {"-I", "-S"} <= set(seen["command"])


def test_a_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"none.pkl could not be read \(No such file"):
        unpickle(tmp_path / "none.pkl")


def test_what_pickle_writes_comes_back_plain(tmp_path):
    content = {"a": [1, 2.5, None, True, "text", (1, 2)], "b": {"c": {3}}, 7: float("inf")}
    (found,) = unpickle(dump(tmp_path / "x.pkl", content)).items
    assert found == {"a": [1, 2.5, None, True, "text", [1, 2]], "b": {"c": [3]}, "7": float("inf")}


def test_pickle_protocols_0_and_1_of_plain_values_are_read(tmp_path):
    for protocol in (0, 1):
        path = tmp_path / "x.pkl"
        path.write_bytes(pickle.dumps([{"a": 1}, "b"], protocol))
        found = unpickle(path)
        assert found.is_list
        assert list(found.items) == [{"a": 1}, "b"]
