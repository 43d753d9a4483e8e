"""Mutants of every file that archloom reads: ``python -m tests.faults.fuzzing COUNT [KIND ...]``.

Mutant ``number`` of a kind is the same whenever it is made: its seed is its name. A child process
reads them one after another, with at most 10 s and 1 GiB more than an empty process each; where it
dies, another one goes on behind the mutant. Printed are the classes of what happened, and the
seeds of all but the good ones.
"""

import copy
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LONGEST_S, MOST_BYTES = 10, 1 << 30
GOOD = ("read", "refused")
ODD_VALUES: list[Any] = [
    None, True, -1, 0, 2**31, 2**63, 10**30, 0.5, float("inf"), float("nan"), "", "x", "\ud800",
    "[/b]\x1b[2J", [], [[]], {}, {"a": {}}, [None] * 3, "9" * 5000, [1e308, -1], "..", "/etc",
]  # fmt: skip


# --- mutators ------------------------------------------------------------------------------------


def bytewise(content: bytes, draw: random.Random) -> bytes:
    """Flip, cut, repeat, blank or insert a few bytes anywhere."""
    for _ in range(draw.choice([1, 1, 1, 2, 8])):
        place = draw.randrange(len(content) or 1)
        length = draw.choice([1, 1, 2, 4, 8, 64])
        before, part, after = content[:place], content[place : place + length], content[place:]
        flipped = bytes([(part or b"\0")[0] ^ (1 << draw.randrange(8))])
        instead = (flipped + part[1:], draw.randbytes(length), b"\xff" * length, bytes(length))
        content = draw.choice(
            [before, before + after[length:], before + part + after]
            + [before + other + after[length:] for other in instead]
        )
    return content


def changed(document: Any, draw: random.Random) -> Any:
    """Return a JSON value with one entry removed, repeated, or replaced by something odd."""
    document = copy.deepcopy(document)
    places = [(holder, key) for holder, key in entries(document)]
    if not places:
        return draw.choice(ODD_VALUES)
    holder, key = draw.choice(places)
    action = draw.randrange(5)
    if action == 0:
        del holder[key]
    elif action == 1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif action == 2:
        holder[key] = copy.deepcopy(draw.choice([one[other] for one, other in places]))
    elif action == 3 and isinstance(holder, dict):
        holder[draw.choice(["x", "__class__", key + " "])] = holder.pop(key)
    else:
        holder[key] = draw.choice(ODD_VALUES)
    return document


def entries(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a JSON value: what holds it, and its key."""
    keys = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(keys):
        yield document, key
        if isinstance(value, (dict, list)):
            yield from entries(value)


def as_json(content: bytes, draw: random.Random) -> bytes:
    """Change the document of a JSON file."""
    return json.dumps(changed(json.loads(content), draw)).encode()


def as_safetensors(content: bytes, draw: random.Random) -> bytes:
    """Change the header of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    about = header.get("__metadata__", {})
    packed = [key for key, value in about.items() if value.startswith("{")]
    if packed and draw.random() < 0.7:  # a document inside the header
        key = draw.choice(packed)
        about[key] = json.dumps(changed(json.loads(about[key]), draw))
    else:
        header = changed(header, draw)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def as_parquet(content: bytes, draw: random.Random) -> bytes:
    """Remove, rename, empty, swap or retype a column, or change the metadata."""
    table = pq.read_table(BytesIO(content))
    about = dict(table.schema.metadata or {})
    number = draw.randrange(table.num_columns)
    field, column = table.schema.field(number), table.column(number)
    action = draw.randrange(7)
    if action == 0:
        table = table.remove_column(number)
    elif action == 1:
        table = table.rename_columns(
            [*table.column_names[:number], "x", *table.column_names[number + 1 :]]
        )
    elif action == 2:
        nulls = pa.array([None] * table.num_rows, field.type)
        table = table.set_column(number, field.name, nulls)
    elif action == 3:
        kind = draw.choice(
            [pa.string(), pa.int8(), pa.float32(), pa.bool_(), pa.list_(pa.string())]
        )
        try:
            values = column.cast(kind)
        except pa.ArrowException:
            values = pa.array([None] * table.num_rows, kind)
        table = table.set_column(number, field.name, values)
    elif action == 4:
        other = draw.randrange(table.num_columns)
        table = table.set_column(number, field.name, table.column(other))
    elif action == 5:
        order = list(range(table.num_rows))
        draw.shuffle(order)
        table = table.set_column(number, field.name, column.take(pa.array(order, pa.int64())))
    elif about:
        key = draw.choice(sorted(about))
        packed = about[key].startswith((b"{", b"["))
        about[key] = as_json(about[key], draw) if packed else draw.randbytes(5)
    table = table.slice(0, draw.choice([table.num_rows, table.num_rows, 0, 1]))
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata(about), buffer)
    return buffer.getvalue()


def as_protobuf(content: bytes, draw: random.Random) -> bytes:
    """Change fields of an ONNX model that its own library would let nobody change."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    places = list(messages(model))
    for _ in range(draw.choice([1, 1, 2])):
        message = draw.choice(places)
        known = [field for field in message.DESCRIPTOR.fields if field.message_type is None]
        mutate_field(message, draw.choice(known), draw) if known else message.Clear()
    return model.SerializeToString()


def messages(message: Any) -> Iterator[Any]:
    """Yield a protobuf message and all in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if is_repeated(field) else [value]:
                yield from messages(one)


def is_repeated(field: Any) -> bool:
    """Tell whether a field of protobuf holds a list."""
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == 3


def mutate_field(message: Any, field: Any, draw: random.Random) -> None:
    """Put something odd into a field, or clear it."""
    numbers = [0, 1, -1, 2, 7, 255, 2**31 - 1, -(2**31), 2**62]
    odd: dict[int, list[Any]] = {
        field.CPPTYPE_STRING: [b"", b"x", b"\xff\xfe", b"Loop", b"If", b"Scan", b"NOTSET", b"1"],
        field.CPPTYPE_FLOAT: [float("nan"), float("inf"), -1.0, 0.0, 1e38],
        field.CPPTYPE_DOUBLE: [float("nan"), -1.0],
    }
    values = odd.get(field.cpp_type, numbers)
    if field.type == field.TYPE_STRING:
        values = [value.decode() for value in values if value != b"\xff\xfe"]
    if draw.random() < 0.2:
        message.ClearField(field.name)
        return
    try:
        value = draw.choice(values)
        if not is_repeated(field):
            setattr(message, field.name, value)
        elif getattr(message, field.name) and draw.random() < 0.7:
            found = getattr(message, field.name)
            found[draw.randrange(len(found))] = value
        else:
            getattr(message, field.name).append(value)
    except ValueError:  # out of the range of the field
        message.ClearField(field.name)


STRUCTURAL: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": as_json,
    ".safetensors": as_safetensors,
    ".parquet": as_parquet,
    ".onnx": as_protobuf,
}


def mutant(kind: str, number: int, name: str, content: bytes) -> bytes:
    """Return a mutant of a file of a kind."""
    draw = random.Random(f"{kind}-{number}")
    structural = STRUCTURAL.get(Path(name).suffix)
    if structural is None or number % 4 == 0:
        return bytewise(content, draw)
    return structural(content, draw)


# --- reading -------------------------------------------------------------------------------------


class Hang(BaseException):
    """A reader took too long."""


def read_all(names: list[str], start: int, count: int) -> None:
    """Read mutants ``start`` to ``count`` of the kinds; print what becomes of each, one a line."""
    from tests.faults.fuzz_kinds import FUZZED
    from tests.faults.test_readers import whole_file

    from archloom.errors import ArchloomError

    def too_long(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, too_long)
    for kind in FUZZED:
        if kind.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = whole_file(kind, Path(folder))
            kind.read(path)
            whole = path.read_bytes()
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
            limit_memory()
            for number in range(start, count):
                say("begin", kind.name, number)
                path.write_bytes(mutant(kind.name, number, path.name, whole))
                signal.alarm(LONGEST_S)
                try:
                    kind.read(path)
                    found, words = "read", ""
                except ArchloomError as error:
                    found, words = "refused", f"{type(error).__name__}: {error}"
                except Hang:
                    found, words = "hang", ""
                except Exception as error:
                    found, words = f"raw {type(error).__name__}", where(error)
                finally:
                    signal.alarm(0)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
                if peak - used > MOST_BYTES:
                    found, used = "memory", peak
                say("end", kind.name, number, found, words[:300])


def where(error: BaseException) -> str:
    """Return the innermost place in archloom that an error came through."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        if "archloom/" in trace.tb_frame.f_code.co_filename:
            file = trace.tb_frame.f_code.co_filename.rsplit("archloom/", 1)[1]
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{place} {str(error)[:120]}"


def limit_memory() -> None:
    """Let this process map 1 GiB more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    wanted = pages * resource.getpagesize() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (wanted, resource.RLIM_INFINITY))


def say(*words: object) -> None:
    """Print one line for the parent at once."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


# --- the parent ----------------------------------------------------------------------------------


def fuzz(names: list[str], start: int, count: int, budget_s: float = 1e9) -> list[tuple[Any, ...]]:
    """Return (kind, number, class, words) of mutants ``start`` to ``count`` of each kind."""
    found: list[tuple[Any, ...]] = []
    ends = time.monotonic() + budget_s
    for group in [names] if count - start < 50 else [[name] for name in names]:
        todo, first = list(group), start
        while todo and time.monotonic() < ends:
            todo, first = run_child(todo, first, count, found)
            if first and len(todo) > 1:  # the first kind goes on alone where it stopped
                alone = [todo[0]]
                while alone and first < count:
                    alone, first = run_child(alone, first, count, found)
                todo, first = todo[1:], start
    return found


def run_child(
    names: list[str], start: int, count: int, found: list[tuple[Any, ...]]
) -> tuple[list[str], int]:
    """Run a child until it ends or dies; return the kinds that are left and where the first one
    goes on.
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.fuzzing", "child"]
    command += [str(start), str(count), json.dumps(names)]
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        command,
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root / 'tests'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    open_kind, open_number = names[0], -1
    for line in child.stdout:
        what, kind, number, *rest = json.loads(line)
        if what == "begin":
            open_kind, open_number = kind, number
        else:
            found.append((kind, number, *rest))
            open_number = -1
    if child.wait() == 0:
        return [], 0
    if open_number < 0:
        raise RuntimeError(f"{open_kind}: the whole file cannot be read ({child.returncode})")
    found.append((open_kind, open_number, f"crash {child.returncode}", ""))
    return names[names.index(open_kind) :], open_number + 1


def main() -> int:
    """Fuzz from the command line."""
    if sys.argv[1] == "child":
        read_all(json.loads(sys.argv[4]), int(sys.argv[2]), int(sys.argv[3]))
        return 0
    from tests.faults.fuzz_kinds import FUZZED

    names = sys.argv[2:] or [kind.name for kind in FUZZED]
    bad = 0
    for name in names:
        found = fuzz([name], 0, int(sys.argv[1]))
        sys.stdout.write(f"{name}: {dict(Counter(one[2] for one in found))}\n")
        told: set[str] = set()
        for _, number, what, words in found:
            key = f"{what} {words.split(' ')[0]}"
            if what not in GOOD:
                bad += 1
                if key not in told:
                    sys.stdout.write(f"    {number}: {what} {words}\n")
            told.add(key)
        sys.stdout.flush()
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
