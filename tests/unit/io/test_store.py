"""The Parquet graph store."""

from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ArchloomError, DataError, FormatError
from archloom.graph import GraphBuilder
from archloom.io.store import GraphStore, StoreWriter, write_store
from strategies import assert_identical, networks, segments


def numbered(count, name="net"):
    b = GraphBuilder(name=name)
    x = b.input(8, 8, 3)
    b.output(b.conv(x, 4, 3, 2))
    graph = b.build()
    return (graph.replace(name=f"{name}{number}") for number in range(count))


@given(st.lists(st.one_of(networks(max_steps=5), segments()), max_size=7), st.integers(1, 4))
def test_a_round_trip_is_the_identity(tmp_path_factory, graphs, row_group):
    path = tmp_path_factory.mktemp("store") / "graphs.parquet"
    with StoreWriter(path, row_group=row_group) as writer:
        writer.add_all(graphs)
    store = GraphStore(path)
    assert len(store) == len(graphs)
    for found, wanted in zip(store, graphs, strict=True):
        assert_identical(found, wanted)
        assert found.hash == wanted.hash
    for row, wanted in enumerate(graphs):
        assert_identical(store[row], wanted)
        assert_identical(store[row - len(graphs)], wanted)
    assert store.names() == [graph.name for graph in graphs]
    assert store.families() == [graph.family for graph in graphs]
    assert store.hashes() == [graph.hash for graph in graphs]


def test_shipped_graphs_round_trip(shipped, tmp_path):
    write_store(shipped.values(), tmp_path / "all.parquet")
    for found, wanted in zip(GraphStore(tmp_path / "all.parquet"), shipped.values(), strict=True):
        assert_identical(found, wanted)


def test_find_gives_the_first_of_equal_graphs(tmp_path):
    path = tmp_path / "twins.parquet"
    graphs = list(numbered(5))
    write_store(graphs, path)
    store = GraphStore(path)
    assert len(set(store.hashes())) == 1
    assert store.find(graphs[3].hash).name == "net0"
    with pytest.raises(DataError, match=r"twins.parquet holds no graph with the hash 'abc'"):
        store.find("abc")


def test_rows_out_of_range_raise_index_errors_that_name_the_store(tmp_path):
    write_store(numbered(3), tmp_path / "s.parquet")
    store = GraphStore(tmp_path / "s.parquet")
    for row in (3, -4):
        with pytest.raises(IndexError, match=r"s.parquet has 3 graphs, there is no row"):
            store[row]


class CountingStore(GraphStore):
    """Counts the row groups that are read."""

    reads = 0

    def _read_group(self, group):
        self.reads += 1
        return super()._read_group(group)


def test_opening_reads_no_graph_and_iteration_reads_row_group_by_row_group(tmp_path):
    path = tmp_path / "s.parquet"
    with StoreWriter(path, row_group=10) as writer:
        writer.add_all(numbered(95))
    store = CountingStore(path)
    assert (len(store), len(store.names()), len(store.hashes()), store.reads) == (95, 95, 95, 0)
    assert [graph.name for graph in islice(store, 11)][-1] == "net10"
    assert store.reads == 2
    assert [store[row].name for row in (40, 41, 49)] == ["net40", "net41", "net49"]
    assert store.reads == 3


def test_writing_is_streamed(tmp_path):
    """Graphs are taken one by one: after k row groups, no more than one is held back."""
    taken = 0

    def watched():
        nonlocal taken
        for graph in numbered(40):
            taken += 1
            yield graph

    with StoreWriter(tmp_path / "s.parquet", row_group=10) as writer:
        for graph in watched():
            writer.add(graph)
            assert len(writer._waiting) == taken % 10


def test_graphs_do_not_hold_on_to_their_row_group(tmp_path):
    write_store(numbered(50), tmp_path / "s.parquet")
    graph = GraphStore(tmp_path / "s.parquet")[7]
    root = graph.resolution
    while root.base is not None:
        root = root.base
    assert root.size == graph.resolution.size


def test_an_error_in_the_block_leaves_the_old_store(tmp_path):
    path = tmp_path / "s.parquet"
    write_store(numbered(3, "old"), path)
    with pytest.raises(FileNotFoundError, match="elsewhere"), StoreWriter(path) as writer:
        writer.add_all(numbered(2, "new"))
        raise FileNotFoundError("elsewhere")
    assert GraphStore(path).names() == ["old0", "old1", "old2"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.parquet"]


def test_a_graph_that_cannot_be_hashed_leaves_the_old_store(tmp_path):
    path = tmp_path / "s.parquet"
    write_store(numbered(1, "old"), path)
    cyclic = next(numbered(1)).replace(in_src=np.array([2, 1], dtype=np.int32))
    with pytest.raises(ArchloomError, match="cycle"):
        write_store([cyclic], path)
    assert GraphStore(path).names() == ["old0"]


def rewritten(path, change=lambda table: table, version=b"archloom-store/2"):
    """Write the table of a small store to ``path``, altered."""
    write_store(numbered(3), path)
    table = change(pq.read_table(path))
    pq.write_table(table.replace_schema_metadata({b"format": version}), path)
    return path


def replace_list(table, field, lists):
    index = table.schema.get_field_index(field)
    return table.set_column(
        index, table.schema.field(field), pa.array(lists, table.schema.field(field).type)
    )


def test_another_version_is_refused_with_the_known_one(tmp_path):
    path = rewritten(tmp_path / "s.parquet", version=b"archloom-store/3")
    with pytest.raises(FormatError, match=r"s.parquet is.*store/3', this.*store/2"):
        GraphStore(path)


def test_version_1_without_groups_and_definitions_is_still_read(tmp_path):
    def drop(table):
        return table.drop_columns(["groups", "definition", "definitions"])

    path = rewritten(tmp_path / "old.parquet", drop, version=b"archloom-store/1")
    for old, graph in zip(GraphStore(path), numbered(3), strict=True):
        assert old.hash == old.replace(ids=old.ids + 1).hash == graph.hash
        assert old.groups.tolist() == [1] * graph.n_nodes and not old.is_fixed.any()


def test_foreign_parquet_is_refused(tmp_path):
    path = tmp_path / "prices.parquet"
    pq.write_table(pa.table({"price": [1, 2]}), path)
    with pytest.raises(FormatError, match=r"prices.parquet is a Parquet file of something else"):
        GraphStore(path)


def test_altered_columns_are_refused(tmp_path):
    path = rewritten(tmp_path / "s.parquet", lambda table: table.drop_columns(["bias"]))
    with pytest.raises(FormatError, match="other columns"):
        GraphStore(path)


@pytest.mark.parametrize(
    ("field", "lists", "message"),
    [
        ("op", [[1, 3, 99]] * 3, "op codes reach 99"),
        ("padding", [[0, 9, 0]] * 3, "padding codes reach 9"),
        ("kernel", [[3, 3]] * 3, "kernel does not have one entry per node"),
        ("in_src", [[0, 7]] * 3, "names a node that is not there"),
        ("in_src", [[0, -1]] * 3, "names a node that is not there"),
        ("in_ptr", [[0, 2, 1, 2]] * 3, "partition"),
        ("in_ptr", [[0, 0, 1, 3]] * 3, "partition"),
        ("in_ptr", [[1, 1, 1, 2]] * 3, "partition"),
    ],
)
def test_rows_that_are_no_graphs_are_refused(tmp_path, field, lists, message):
    path = rewritten(tmp_path / "s.parquet", lambda table: replace_list(table, field, lists))
    with pytest.raises(FormatError, match=message):
        list(GraphStore(path))
