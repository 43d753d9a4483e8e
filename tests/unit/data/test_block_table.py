"""Tables of block networks: both spellings, labels that cannot be computed, foreign files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archloom.data.block_table import read_block_table
from archloom.errors import DataError, FormatError, GraphError
from archloom.spaces import FAMILIES

SPACE = FAMILIES["ofa_mbv3"]
SMALLEST = "|".join(["e3k3,e3k3"] * 5)


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_lists_and_architectures_are_read_alike(tmp_path):
    lists = write(
        tmp_path / "lists.parquet",
        depths=[[2] * 5, [2] * 5],
        kernels=[[3] * 10, [7] + [3] * 9],
        expands=[[3] * 10] * 2,
        acc=[0.7, 0.8],
    )
    table = read_block_table(lists, SPACE)
    assert table.architectures == (SMALLEST, SMALLEST.replace("k3", "k7", 1))
    words = write(
        tmp_path / "words.parquet", architecture=list(table.architectures), acc=[0.7, 0.8]
    )
    again = read_block_table(words, SPACE)
    assert again.architectures == table.architectures
    assert again.metrics["acc"].tolist() == [0.7, 0.8]


def test_rows_without_a_finite_target_are_left_out(tmp_path):
    path = write(
        tmp_path / "t.parquet",
        architecture=[SMALLEST, SMALLEST.replace("k3", "k5"), SMALLEST.replace("k3", "k7")],
        acc=[0.7, None, 0.8],
        latency=[2, 3, 0],
    )
    table = read_block_table(path, SPACE)
    labels = table.labelled("acc / latency")
    assert labels.architectures == (SMALLEST,) and labels.values.tolist() == [0.35]
    assert labels.target == "acc / latency" and labels.family == "ofa_mbv3"
    with pytest.raises(DataError, match="no finite value"):
        table.labelled("log(0 * acc - 1)")


def test_what_is_no_table_of_networks_is_refused(tmp_path):
    with pytest.raises(FormatError, match="the networks are unknown"):
        read_block_table(write(tmp_path / "a.parquet", acc=[0.7]), SPACE)
    with pytest.raises(FormatError, match="0 columns of numbers"):
        read_block_table(write(tmp_path / "b.parquet", architecture=[SMALLEST]), SPACE)
    with pytest.raises(GraphError, match=r"c\.parquet.*not a network"):
        read_block_table(write(tmp_path / "c.parquet", architecture=["e9k9"], acc=[0.7]), SPACE)
    (tmp_path / "d.parquet").write_bytes(b"PAR1")
    with pytest.raises(FormatError, match="Parquet"):
        read_block_table(tmp_path / "d.parquet", SPACE)
    with pytest.raises(DataError, match="could not be read"):
        read_block_table(tmp_path / "none.parquet", SPACE)


def test_names_of_the_supernets_code_and_input_sizes(tmp_path):
    path = write(
        tmp_path / "ofa.parquet",
        d=[[2] * 5, [3] + [2] * 4],
        ks=[[3] * 20] * 2,
        e=[[3] * 20] * 2,
        resolution=[128, 160],
        top1=[0.7, 0.8],
    )
    table = read_block_table(path, SPACE)
    assert table.architectures == (SMALLEST, "e3k3," + SMALLEST)
    assert table.resolution.tolist() == [128, 160] and list(table.metrics) == ["top1"]
    kept = table.labelled("top1").take(np.array([1]))
    assert kept.resolution.tolist() == [160] and kept.values.tolist() == [0.8]


def test_families_that_are_tabulated_in_full(tmp_path):
    cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    path = write(tmp_path / "cells.parquet", arch_str=[cell], accuracy=[10.0], resolution=[32])
    table = read_block_table(path, FAMILIES["nb201"])
    assert table.family == "nb201" and table.architectures == (cell,)
    assert table.labelled("accuracy").resolution.tolist() == [224]  # the one size
    macro = write(tmp_path / "macro.parquet", arch=["22212202"], mean_acc=[93.1])
    assert read_block_table(macro, FAMILIES["nb_macro"]).architectures == ("22212202",)
    lists = write(tmp_path / "lists.parquet", d=[[1]], ks=[[3]], e=[[3]], acc=[0.5])
    with pytest.raises(FormatError, match="no column architecture"):
        read_block_table(lists, FAMILIES["nb201"])
