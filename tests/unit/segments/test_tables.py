import pyarrow.parquet as pq
import pytest

from archloom.errors import DataError, FormatError
from archloom.segments.database import build_database
from archloom.segments.tables import INSTANCE_FILE, TOPOLOGY_FILE, read_database, write_database


@pytest.fixture(scope="module")
def database(networks, tokeniser):
    return build_database(networks[:8], tokeniser)


@pytest.fixture
def folder(database, tmp_path):
    write_database(database, tmp_path)
    return tmp_path


def test_what_was_written_is_read(database, folder):
    read = read_database(folder)
    assert read.topologies == database.topologies
    assert read.vocabulary == database.vocabulary
    assert read.count.tolist() == database.count.tolist()


def test_writing_again_gives_the_same_bytes(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("again")
    write_database(read_database(folder), other)
    for name in (TOPOLOGY_FILE, INSTANCE_FILE):
        assert (other / name).read_bytes() == (folder / name).read_bytes()
    assert sorted(path.name for path in other.iterdir()) == sorted([TOPOLOGY_FILE, INSTANCE_FILE])


def test_the_tables_can_be_read_without_archloom(database, folder):
    topologies = pq.read_table(folder / TOPOLOGY_FILE)
    instances = pq.read_table(folder / INSTANCE_FILE)
    assert topologies.schema.metadata[b"format"] == b"archloom-segment-topology/1"
    assert instances.schema.metadata[b"format"] == b"archloom-segment-instance/1"
    assert topologies.num_rows == database.n_topologies
    rows = topologies.to_pylist()
    for row in rows:
        assert len(row["op"]) == row["n_nodes"] == len(row["kernel"]) / 2
        assert len(row["edges"]) == 2 * row["n_edges"]
    for row in instances.to_pylist():
        assert len(row["resolution"]) == 6 * rows[row["topology"]]["n_nodes"]
    total = sum(count for row in rows for _, count in row["frequency"])
    assert total == sum(instances.column("count").to_pylist())


@pytest.mark.parametrize("name", [TOPOLOGY_FILE, INSTANCE_FILE])
def test_a_missing_table_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=name):
        read_database(folder)


@pytest.mark.parametrize("name", [TOPOLOGY_FILE, INSTANCE_FILE])
@pytest.mark.parametrize("keep", [0, 100, 0.9])
def test_a_truncated_table_is_refused(folder, name, keep):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    with pytest.raises(FormatError, match=name):
        read_database(folder)


def test_another_version_is_refused(folder):
    table = pq.read_table(folder / TOPOLOGY_FILE)
    newer = table.schema.metadata | {b"format": b"archloom-segment-topology/2"}
    pq.write_table(table.replace_schema_metadata(newer), folder / TOPOLOGY_FILE)
    with pytest.raises(FormatError, match="topology/2"):
        read_database(folder)


def test_tables_of_different_databases_are_refused(folder, networks, tokeniser, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_database(build_database(networks[:9], tokeniser), other)
    (other / INSTANCE_FILE).replace(folder / INSTANCE_FILE)
    with pytest.raises(FormatError):
        read_database(folder)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        (TOPOLOGY_FILE, "edges", [0, 99]),
        (TOPOLOGY_FILE, "edges", [1, 0]),
        (TOPOLOGY_FILE, "op", [999]),
        (TOPOLOGY_FILE, "op", []),
        (TOPOLOGY_FILE, "hash", "0"),
        (INSTANCE_FILE, "resolution", [1, 2, 3]),
        (INSTANCE_FILE, "topology", 10_000),
        (INSTANCE_FILE, "count", 10_000),
    ],
)
def test_changed_contents_are_refused(folder, name, column, value):
    import pyarrow as pa

    table = pq.read_table(folder / name)
    rows = table.to_pylist()
    rows[-1][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / name)
    with pytest.raises(FormatError):
        read_database(folder)


def test_a_column_less_is_refused(folder):
    table = pq.read_table(folder / INSTANCE_FILE).drop_columns(["bias"])
    pq.write_table(table, folder / INSTANCE_FILE)
    with pytest.raises(FormatError, match="bias"):
        read_database(folder)


def test_an_unwritable_folder_is_reported(database, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be written"):
        write_database(database, tmp_path / "file")
