"""Records survive a round trip, and damage is named."""

import json

import pytest

from archloom.errors import FormatError
from archloom.workflow.records import Content, Record, read_records

RECORD = Record(
    rule="build_family",
    wildcards={"family": "nb201"},
    settings={"count": 3},
    seed=0,
    code="abc",
    inputs={},
    outputs={"resources/graphs/nb201.parquet": Content("d1", 7)},
    log="logs/build_family/nb201.log",
    host="here",
    started="2026-01-01T00:00:00+00:00",
    seconds=1.5,
)


def test_a_record_is_read_as_it_was_written(tmp_path):
    RECORD.write(tmp_path / "records/build_family/nb201.json")
    assert list(read_records(tmp_path)) == [RECORD]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "archloom-record/9"}, "archloom-record/9"),
        ({"surplus": 1}, "surplus"),
        ({"outputs": [1]}, "not a record"),
    ],
)
def test_another_format_is_named(tmp_path, change, says):
    path = tmp_path / "record.json"
    RECORD.write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError, match=says) as raised:
        Record.read(path)
    assert "record.json" in str(raised.value)


def test_every_truncation_is_named(tmp_path):
    path = tmp_path / "record.json"
    RECORD.write(path)
    whole = path.read_bytes()
    for eighth in range(1, 8):
        path.write_bytes(whole[: len(whole) * eighth // 8])
        with pytest.raises(FormatError, match=r"record\.json"):
            Record.read(path)
