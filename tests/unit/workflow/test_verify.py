"""What `verify` finds, and the commands that it names."""

import hashlib
import subprocess
from pathlib import Path

import pytest
import yaml

from archloom.data.labels import Label
from archloom.data.registry import FORMAT, REGISTRY_PATH, VERSION
from archloom.errors import DataError
from archloom.train.kept import append, read_lines
from archloom.workflow.content import UNREADABLE
from archloom.workflow.verify import Fault, Problem, verify

RESOURCES = Path("resources")
LABELS = "resources/labels.parquet"
PREFIX = "snakemake --profile profiles/local"


def problems(world, *paths: str) -> list[Problem]:
    return list(verify(world.root, RESOURCES, paths).problems)


def register(world, **files: bytes) -> None:
    """Register a dataset ``set`` with these files."""
    rows = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    facts = {"what": "w", "licence": "l", "source": "s", "url": "u", "files": rows}
    table = {"format": FORMAT, "version": VERSION, "datasets": {"set": facts}}
    world.write(str(REGISTRY_PATH), yaml.safe_dump(table))


def test_nothing_is_wrong_with_what_was_just_made(world):
    assert verify(world.root, RESOURCES).intact == 3
    assert problems(world) == []


def test_a_changed_byte_is_named_with_its_rule_and_what_repairs_it(world):
    world.write(LABELS, "firsT")
    command = f"{PREFIX} --force -- {LABELS}"
    assert problems(world) == [Problem(LABELS, Fault.CORRUPT, "measure_labels", command)]


@pytest.mark.parametrize("change", ["other", "more", "less"])
def test_a_changed_folder_is_found(world, change):
    file = world.root / "resources/weights/0.safetensors"
    if change == "other":
        file.write_text("other")
    elif change == "more":
        file.with_name("1.safetensors").write_text("more")
    else:
        file.unlink()
    (problem,) = problems(world)
    assert (problem.path, problem.fault) == ("resources/weights", Fault.CORRUPT)


def test_a_missing_output_is_named(world):
    (world.root / LABELS).unlink()
    (problem,) = problems(world)
    assert problem.fault is Fault.MISSING
    assert problem.command == f"{PREFIX} -- {LABELS}"


def test_what_no_job_has_made_is_named(world):
    world.write("resources/extra/file.txt", "mine")
    assert problems(world) == [Problem("resources/extra/file.txt", Fault.UNRECORDED, "", "")]


def test_checkpoints_records_and_other_runs_are_no_outputs(world):
    for path in ("resume/rule/x/step.pt", "other/records/rule/all.json", "other/file.txt"):
        world.write(f"resources/{path}", "text")
    assert problems(world) == []


def test_only_what_is_named_is_compared(world):
    world.write(LABELS, "damaged")
    assert problems(world, "resources/graphs.parquet") == []
    assert [problem.path for problem in problems(world, LABELS)] == [LABELS]
    assert [problem.path for problem in problems(world, "resources")] == [LABELS]


def test_a_path_that_nothing_is_known_of_is_an_error(world):
    with pytest.raises(DataError, match="nowhere"):
        verify(world.root, RESOURCES, ["resources/nowhere"])


def test_the_job_that_came_last_counts(world):
    world.make(LABELS, "second", started="2026-02-01T00:00:00+00:00")
    assert [problem.path for problem in problems(world)] == []


def test_external_data_are_compared_with_the_registry(world):
    register(world, good=b"good", bad=b"bad!", absent=b"absent")
    world.write("resources/data/set/good", "good")
    world.write("resources/data/set/bad", "baD!")
    world.write("resources/data/set/unknown", "unknown")
    found = {problem.path: problem.fault for problem in problems(world)}
    assert found == {
        "resources/data/set/bad": Fault.CORRUPT,
        "resources/data/set/unknown": Fault.UNRECORDED,
    }


def test_a_file_that_cannot_be_read_is_named(world, monkeypatch):
    def broken(root, paths, threads, progress):
        return dict.fromkeys(paths, UNREADABLE)

    monkeypatch.setattr("archloom.workflow.verify.content_digests", broken)
    assert {problem.fault for problem in problems(world)} == {Fault.UNREADABLE}


def test_the_command_names_the_configuration_of_a_run(world):
    named = world.root / "resources/big"
    (world.root / "resources").rename(world.root / "moved")
    named.parent.mkdir()
    (world.root / "moved").rename(named)
    world.write("config/big.yaml", "run: {name: big}")
    found = verify(world.root, Path("resources/big")).problems
    missing = [problem for problem in found if problem.fault is Fault.MISSING]
    assert missing[0].command.startswith(f"{PREFIX} --configfile config/big.yaml -- ")


@pytest.fixture
def kept(world) -> Path:
    """Two results that a stage keeps, each with a file."""
    folder = world.root / "resources/kept/measure_labels/nb201/abc"
    for seed in range(2):
        world.write(f"resources/kept/measure_labels/nb201/abc/weights/{seed}.bin", f"w{seed}")
        label = Label("0" * 32, "accuracy", "measured", "r", seed, 0.5, "fraction", "n", "f")
        append(folder / "r-1.jsonl", label, [folder / f"weights/{seed}.bin"])
    return folder / "r-1.jsonl"


def test_intact_kept_results_are_counted_and_cut_ones_are_no_fault(world, kept):
    assert verify(world.root, RESOURCES).intact == 4
    kept.write_bytes(kept.read_bytes()[:-9])
    assert problems(world) == []


@pytest.mark.parametrize("change", ["figure", "file", "missing"])
def test_a_changed_kept_result_is_named_with_what_removes_it(world, kept, change):
    if change == "figure":
        head, tail = kept.read_text().split("\n", 1)
        kept.write_text(head + "\n" + tail.replace("0.5", "0.9"))
    elif change == "file":
        (kept.parent / "weights/1.bin").write_text("other")
    else:
        (kept.parent / "weights/1.bin").unlink()
    path = kept.relative_to(world.root).as_posix()
    (problem,) = problems(world)
    assert problem == Problem(path, Fault.CORRUPT, "measure_labels", f"sed -i 2d {path}")
    assert problems(world, "resources/kept") == [problem]
    assert problems(world, LABELS) == []
    subprocess.run(problem.command, shell=True, cwd=world.root, check=True)
    assert problems(world) == []
    assert [line.label.seed for line in read_lines(kept)] == [0]
