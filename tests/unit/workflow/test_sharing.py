"""What is recognised in another checkout, and what is not."""

import json
import shutil
from pathlib import Path

import pytest

from archloom.errors import DataError, FormatError
from archloom.workflow.records import latest_records
from archloom.workflow.sharing import PROVENANCE, Verdict, adopt, seal
from archloom.workflow.snakemake_folder import LONG_AGO

RESOURCES = Path("resources")
GRAPHS, LABELS, WEIGHTS = (
    "resources/graphs.parquet",
    "resources/labels.parquet",
    "resources/weights",
)
SEAL = f"resources/{PROVENANCE}"


def bring(world, elsewhere, *paths: str) -> None:
    """Copy files with time stamps in no order, as a download does."""
    for number, path in enumerate(paths):
        source, target = world.root / path, elsewhere.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        elsewhere.folder.set_time(path, 10**18 - number)


def adopted(elsewhere) -> dict[str, Verdict]:
    return adopt(elsewhere.root, RESOURCES)


def test_all_that_was_sealed_is_recognised_with_metadata_and_times_in_order(world, elsewhere):
    assert seal(world.root, RESOURCES) == []
    bring(world, elsewhere, GRAPHS, LABELS, WEIGHTS, SEAL)
    verdicts = adopted(elsewhere)
    assert verdicts == dict.fromkeys((GRAPHS, LABELS, WEIGHTS), Verdict.RECOGNISED)
    for path in verdicts:
        assert elsewhere.folder.metadata(path) == world.folder.metadata(path)
    inputs = ["config/families.yaml", GRAPHS, LABELS, WEIGHTS]
    times = [elsewhere.folder.time(path) for path in inputs]
    assert times == sorted(times)
    assert latest_records(elsewhere.root / RESOURCES) == latest_records(world.root / RESOURCES)


def test_other_bytes_are_unknown_and_what_was_made_of_the_right_ones_is_outdated(world, elsewhere):
    seal(world.root, RESOURCES)
    bring(world, elsewhere, GRAPHS, LABELS, WEIGHTS, SEAL)
    elsewhere.write(LABELS, "damaged")
    assert adopted(elsewhere) == {
        GRAPHS: Verdict.RECOGNISED,
        LABELS: Verdict.UNKNOWN,
        WEIGHTS: Verdict.OUTDATED,
    }
    assert elsewhere.folder.metadata(LABELS) is None
    assert elsewhere.folder.time(WEIGHTS) == LONG_AGO


def test_an_absent_input_stands_for_what_its_record_says(world, elsewhere):
    seal(world.root, RESOURCES)
    bring(world, elsewhere, WEIGHTS, SEAL)
    assert adopted(elsewhere) == {
        GRAPHS: Verdict.ABSENT,
        LABELS: Verdict.ABSENT,
        WEIGHTS: Verdict.RECOGNISED,
    }
    assert elsewhere.folder.metadata(LABELS) is not None


def test_a_change_behind_an_absent_input_is_seen(world, elsewhere):
    seal(world.root, RESOURCES)
    bring(world, elsewhere, WEIGHTS, SEAL)
    elsewhere.write("config/families.yaml", "other families")
    assert adopted(elsewhere)[WEIGHTS] is Verdict.OUTDATED


def test_what_was_made_here_of_other_settings_is_left_alone(world, elsewhere):
    seal(world.root, RESOURCES)
    elsewhere.make_all("second")
    bring(world, elsewhere, SEAL)
    before = [elsewhere.folder.metadata(path) for path in (GRAPHS, LABELS, WEIGHTS)]
    assert set(adopted(elsewhere).values()) == {Verdict.RECOGNISED}
    assert [elsewhere.folder.metadata(path) for path in (GRAPHS, LABELS, WEIGHTS)] == before


def test_bytes_that_replace_those_made_here_bring_their_own_record(world, elsewhere):
    seal(world.root, RESOURCES)
    elsewhere.make(GRAPHS, "second")
    bring(world, elsewhere, GRAPHS, SEAL)
    assert adopted(elsewhere)[GRAPHS] is Verdict.RECOGNISED
    assert elsewhere.folder.metadata(GRAPHS) == world.folder.metadata(GRAPHS)
    recorded = latest_records(elsewhere.root / RESOURCES)[GRAPHS]
    assert recorded.outputs[GRAPHS] == world.content(GRAPHS)


def test_times_alone_are_put_right_by_the_records_of_the_checkout(world):
    world.folder.set_time(GRAPHS, 2 * 10**18 - 1)
    world.folder.set_time(WEIGHTS, 10**18)
    assert set(adopted(world).values()) == {Verdict.RECOGNISED}
    assert world.folder.time(GRAPHS) <= world.folder.time(LABELS) <= world.folder.time(WEIGHTS)


def test_what_is_not_as_its_job_made_it_is_not_sealed(world):
    world.write(LABELS, "damaged")
    assert seal(world.root, RESOURCES) == [LABELS]
    sealed = json.loads((world.root / SEAL).read_text())["outputs"]
    assert sorted(sealed) == [GRAPHS, WEIGHTS]


def test_a_seal_keeps_what_it_knew_of_files_that_are_not_here(world, elsewhere):
    seal(world.root, RESOURCES)
    bring(world, elsewhere, GRAPHS, SEAL)
    adopted(elsewhere)
    assert seal(elsewhere.root, RESOURCES) == []
    assert (elsewhere.root / SEAL).read_text() == (world.root / SEAL).read_text()


def test_external_data_are_sealed_without_a_record(world, elsewhere):
    path = "resources/data/set/file.bin"
    world.write(path, "bytes")
    world.folder.write_metadata(path, {"rule": "retrieve_file", "input": [], "starttime": 1e9})
    assert seal(world.root, RESOURCES) == []
    bring(world, elsewhere, path, SEAL)
    assert adopted(elsewhere)[path] is Verdict.RECOGNISED


def test_an_empty_folder_is_made_anew(world, elsewhere):
    (world.root / WEIGHTS / "0.safetensors").unlink()
    world.make(WEIGHTS, None)
    assert seal(world.root, RESOURCES) == []
    bring(world, elsewhere, GRAPHS, LABELS, SEAL)
    assert adopted(elsewhere)[WEIGHTS] is Verdict.RECOGNISED
    assert (elsewhere.root / WEIGHTS).is_dir()


def test_nothing_known_is_an_error_that_says_what_to_do(elsewhere):
    with pytest.raises(DataError, match="archloom pull"):
        adopted(elsewhere)


@pytest.mark.parametrize("eighth", range(8))
def test_a_truncated_seal_is_refused(world, eighth):
    seal(world.root, RESOURCES)
    text = (world.root / SEAL).read_text()
    (world.root / SEAL).write_text(text[: len(text) * eighth // 8])
    with pytest.raises(FormatError, match=PROVENANCE):
        adopted(world)


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "resources/../../outside"])
def test_a_seal_that_leads_out_of_the_checkout_is_refused(world, path):
    seal(world.root, RESOURCES)
    text = (world.root / SEAL).read_text().replace(GRAPHS, path)
    (world.root / SEAL).write_text(text)
    with pytest.raises(FormatError, match="outside"):
        adopted(world)


@pytest.mark.parametrize("path", ["/etc/hostname", "../outside", "a\0b"])
def test_an_input_outside_of_the_checkout_is_refused(world, path):
    seal(world.root, RESOURCES)
    document = json.loads((world.root / SEAL).read_text())
    for one in document["outputs"].values():
        one["record"]["inputs"][path] = {"digest": "0", "size": 1}
    (world.root / SEAL).write_text(json.dumps(document))
    with pytest.raises(FormatError, match="outside"):
        adopted(world)


def test_another_format_is_refused(world):
    (world.root / SEAL).write_text('{"format": "archloom-provenance/9", "outputs": {}}')
    with pytest.raises(FormatError, match="archloom-provenance/9"):
        adopted(world)
