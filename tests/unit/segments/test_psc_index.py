import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from archloom.errors import DataError, FormatError
from archloom.segments.psc_index import (
    merge_psc_indexes,
    psc_ranges,
    read_psc_index,
    segment_with,
    write_psc_index,
)
from archloom.segments.tokeniser import Segmentation


def ranges(*lengths):
    """psc_ranges of groups with these lengths, as a list of (k, start, end)."""
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    order = np.arange(sum(lengths), dtype=np.int32)
    found = psc_ranges(Segmentation(order, starts, (1,) * len(order)))
    return list(zip(*(column.tolist() for column in found), strict=True))


def test_first_and_last_node_go_to_p_and_c():
    assert ranges(3, 2, 4) == [(0, 1, 3), (1, 3, 5), (2, 5, 8)]


def test_empty_segments_are_skipped():
    assert ranges(1, 2, 1) == [(1, 1, 3)]
    assert ranges(1, 1) == []


def test_a_single_group_keeps_what_lies_between():
    assert ranges(4) == [(0, 1, 3)]
    assert ranges(2) == []
    assert ranges(1) == []


def test_the_segmentation_is_left_as_it_was(tokeniser, networks):
    segmentation = tokeniser.segment(networks[0])
    before = segmentation.starts.tolist()
    psc_ranges(segmentation)
    assert segmentation.starts.tolist() == before


def test_what_was_written_is_read(tokeniser, networks, tmp_path):
    count = write_psc_index(networks, tokeniser, tmp_path / "index.parquet")
    index = read_psc_index(tmp_path / "index.parquet")
    assert len(index) == count == index.first[-1]
    assert index.vocabulary == tokeniser.vocabulary.digest
    for graph in networks:
        start, end = index.of(graph.hash)
        _, *expected = psc_ranges(tokeniser.segment(graph))
        assert np.array_equal([start, end], expected)
        row = index.row_of[graph.hash]
        assert index.n_nodes[row] == graph.n_nodes
        assert (index.graph_of == row).sum() == len(start)


def test_a_graph_is_cut_again_without_its_vocabulary(tokeniser, networks, tmp_path):
    write_psc_index(networks, tokeniser, tmp_path / "index.parquet")
    index = read_psc_index(tmp_path / "index.parquet")
    for graph in networks:
        cut, whole = index.segment(graph), tokeniser.segment(graph)
        assert np.array_equal(cut.order, whole.order)
        again = psc_ranges(Segmentation(cut.order, cut.starts, whole.symbols))
        assert np.array_equal(again[1:], psc_ranges(whole)[1:])
    stranger = networks[0].subgraph(range(networks[0].n_nodes - 1), name="stranger")
    with pytest.raises(DataError):
        index.segment(stranger)


def test_several_indexes_serve_together(tokeniser, networks, tmp_path):
    indexes = []
    for number, graph in enumerate(networks[:2]):
        write_psc_index([graph], tokeniser, tmp_path / f"{number}.parquet")
        indexes.append(read_psc_index(tmp_path / f"{number}.parquet"))
    segment = segment_with(indexes)
    for graph, index in zip(networks, indexes, strict=False):
        assert np.array_equal(segment(graph).starts, index.segment(graph).starts)
    with pytest.raises(DataError, match="not in this P/S/C index"):
        segment(networks[2])


def test_of_equal_graphs_the_first_counts(tokeniser, networks, tmp_path):
    twin = networks[0].replace(name="twin")
    write_psc_index([*networks[:2], twin], tokeniser, tmp_path / "index.parquet")
    assert read_psc_index(tmp_path / "index.parquet").graphs == tuple(g.hash for g in networks[:2])


def test_an_index_without_graphs_is_empty(tokeniser, tmp_path):
    assert write_psc_index([], tokeniser, tmp_path / "index.parquet") == 0
    assert len(read_psc_index(tmp_path / "index.parquet")) == 0


def test_many_row_groups_read_as_one(tokeniser, networks, tmp_path, monkeypatch):
    monkeypatch.setattr("archloom.segments.psc_index._GRAPHS_PER_ROW_GROUP", 5)
    write_psc_index(networks, tokeniser, tmp_path / "small.parquet")
    monkeypatch.undo()
    write_psc_index(networks, tokeniser, tmp_path / "large.parquet")
    assert pq.ParquetFile(tmp_path / "small.parquet").num_row_groups > 1
    small, large = (read_psc_index(tmp_path / f"{name}.parquet") for name in ("small", "large"))
    assert small.graphs == large.graphs
    assert np.array_equal(small.start, large.start)
    assert np.array_equal(small.first, large.first)


def test_a_failing_stream_leaves_nothing_behind(tokeniser, networks, tmp_path):
    def broken():
        yield networks[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_psc_index(broken(), tokeniser, tmp_path / "index.parquet")
    assert list(tmp_path.iterdir()) == []


def test_missing_foreign_and_damaged_files_are_refused(tokeniser, networks, tmp_path):
    import pyarrow as pa

    path = tmp_path / "index.parquet"
    with pytest.raises(DataError, match="missing"):
        read_psc_index(path)
    write_psc_index(networks, tokeniser, path)
    table = pq.read_table(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(FormatError):
        read_psc_index(path)
    pq.write_table(table.replace_schema_metadata({"format": "archloom-store/1"}), path)
    with pytest.raises(FormatError, match="archloom-store/1"):
        read_psc_index(path)
    for column, value in (("n_nodes", 3), ("start", [0]), ("end", [1, 2])):
        rows = table.to_pylist()
        rows[0][column] = value
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
        with pytest.raises(FormatError, match="make it again"):
            read_psc_index(path)


@pytest.mark.parametrize("total", [1, 2, 3, 40])
def test_the_merged_index_is_that_of_all_graphs_at_once(tokeniser, networks, tmp_path, total):
    whole, merged = tmp_path / "whole.parquet", tmp_path / "merged.parquet"
    graphs = [*networks, networks[0]]
    count = write_psc_index(graphs, tokeniser, whole)
    parts = [tmp_path / f"{number}.parquet" for number in range(total)]
    for number, part in enumerate(parts):
        write_psc_index(graphs[number::total], tokeniser, part)
    assert merge_psc_indexes(parts, [graph.hash for graph in graphs], merged) == count
    assert merged.read_bytes() == whole.read_bytes()


def test_parts_that_lack_a_graph_are_refused(tokeniser, networks, tmp_path):
    part = tmp_path / "part.parquet"
    write_psc_index(networks[1:], tokeniser, part)
    with pytest.raises(DataError, match="1 graphs are in no part"):
        merge_psc_indexes([part], [graph.hash for graph in networks], tmp_path / "merged.parquet")


def test_instances_of_the_published_graphs_equal_the_goldens(published, shipped, data_folder):
    text = (data_folder / "autogo_models/golden_predictions.json").read_text()
    goldens = json.loads(text)["graphs"]
    assert len(goldens) == 21
    for name, golden in goldens.items():
        segmentation = published.segment(shipped[name])
        group, start, end = psc_ranges(segmentation)
        n = shipped[name].n_nodes
        found = list(
            zip(
                group.tolist(),
                start.tolist(),
                (end - start).tolist(),
                (n - end).tolist(),
                strict=True,
            )
        )
        assert found == [(e["k"], e["n_P"], e["n_S"], e["n_C"]) for e in golden["psc"]], name
        skipped = sorted(set(range(segmentation.n_groups)) - set(group.tolist()))
        assert skipped == golden["psc_empty"], name
