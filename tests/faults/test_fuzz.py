"""Mutants of every file that archloom reads: read or refused, never a crash, a raw exception, a
hang or more than 1 GiB. ``python -m tests.faults.fuzzing COUNT [KIND ...]`` tries more.
"""

import json
import os
import random

import pytest
from tests.faults import fuzzing
from tests.faults.fuzz_kinds import FUZZED, SEEDS
from tests.faults.fuzzing import GOOD, changed, fuzz, mutant
from tests.faults.test_readers import Kind

NAMES = [kind.name for kind in FUZZED]


def bad(found):
    return [one for one in found if one[2] not in GOOD]


def test_a_sample_of_mutants_of_every_kind():
    found = fuzz([name for name in NAMES if name != "net.pkl"], 0, 2)
    assert {one[0] for one in found} == set(NAMES) - {"net.pkl"}
    assert bad(found) == []


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_mutants_that_once_were_trouble(name, tmp_path):
    found = fuzz([name], min(SEEDS[name]), max(SEEDS[name]) + 1)
    assert set(SEEDS[name]) <= {one[1] for one in found}
    assert bad(found) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_mutants(name):
    found = fuzz([name], 0, 30 if name == "net.pkl" else 500)
    assert bad(found) == []


def test_a_mutant_is_the_same_whenever_it_is_made():
    content = json.dumps({"a": [1, {"b": 2}], "c": "x"}).encode()
    made = [mutant("k", number, "f.json", content) for number in range(40)]
    assert made == [mutant("k", number, "f.json", content) for number in range(40)]
    assert len(set(made)) > 20


def test_a_changed_document_leaves_the_first_as_it_was():
    document = {"a": [1, {"b": 2}]}
    for seed in range(50):
        changed(document, random.Random(seed))
    assert document == {"a": [1, {"b": 2}]}


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("import os; os.abort()", "crash -6"),
        ("[][1]", "raw IndexError"),
        ("import time; time.sleep(60)", "hang"),
        ("bytearray(3 << 30)", "raw MemoryError"),
        ("None", "read"),
    ],
)
def test_every_kind_of_trouble_is_seen(program, what, tmp_path, monkeypatch, capsys):
    """The reader of a whole file works; that of any other runs ``program``."""
    whole = b"whole"

    def read(path):
        if path.read_bytes() != whole:
            exec(program, {})

    def make(folder):
        (folder / "f").write_bytes(whole)
        return folder / "f"

    monkeypatch.setattr("tests.faults.fuzz_kinds.FUZZED", [Kind("toy", make, read)])
    monkeypatch.setattr(fuzzing, "LONGEST_S", 1)
    assert in_child(lambda: fuzzing.read_all(["toy"], 1, 2)) == what


def in_child(action) -> str:
    """Run ``action`` in a fork, since it may end its process; return the class that is printed."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(write, 1)
        fuzzing.sys.stdout = os.fdopen(1, "w")
        action()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        lines = [json.loads(line) for line in stream]
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return lines[-1][3] if lines[-1][0] == "end" else f"crash {status}"
