"""Splits keep classes together, do not depend on order, and survive a round trip."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.data.splits import Split, isomorphism_classes, split_classes, split_graphs
from archloom.errors import DataError, FormatError
from archloom.graph import graph_hashes
from archloom.spaces import hiaml, nb201
from archloom.spaces.tnb101 import micro as tnb101_micro

CLASSES = st.lists(st.integers(0, 60), min_size=60, max_size=200)


def split_of(numbers, seed=0, dev=0.1, test=0.1):
    hashes = [f"{row:04d}" for row in range(len(numbers))]
    return split_classes(hashes, [str(n) for n in numbers], dev=dev, test=test, seed=seed)


@given(numbers=CLASSES, seed=st.integers(0, 1000))
def test_no_class_crosses_and_nothing_is_lost(numbers, seed):
    if len(set(numbers)) < 20:
        return
    split = split_of(numbers, seed)
    classes = [{numbers[int(h)] for h in part} for part in (split.train, split.dev, split.test)]
    assert not (classes[0] & classes[1] or classes[0] & classes[2] or classes[1] & classes[2])
    assert sorted(split.train + split.dev + split.test) == [f"{i:04d}" for i in range(len(numbers))]
    assert len(split.test) <= round(0.1 * len(numbers))
    assert len(split.dev) <= round(0.1 * len(numbers))


def test_shares_are_exact_when_classes_are_single():
    split = split_of(range(300), dev=0.1, test=0.2)
    assert (len(split.train), len(split.dev), len(split.test)) == (210, 30, 60)


@given(data=st.data())
def test_order_of_the_graphs_does_not_matter(data):
    rows = data.draw(st.permutations(range(40)))
    hashes = [f"{row:04d}" for row in rows]
    split = split_classes(hashes, [str(row % 25) for row in rows], dev=0.2, test=0.2, seed=3)
    assert split == split_of([row % 25 for row in range(40)], seed=3, dev=0.2, test=0.2)


def test_seed_decides():
    assert split_of(range(100), seed=1) == split_of(range(100), seed=1)
    assert split_of(range(100), seed=1).digest != split_of(range(100), seed=2).digest


def test_equal_functions_of_nb201_share_a_class():
    def cell(*operations):
        return nb201.build(nb201.format_cell(operations), nb201.REDUCED)

    first = cell("nor_conv_3x3", "none", "none", "none", "skip_connect", "none")
    second = cell("none", "nor_conv_3x3", "none", "none", "none", "skip_connect")
    assert first.hash != second.hash
    classes = isomorphism_classes([first, second])
    assert classes[0] == classes[1]
    full = nb201.build(nb201.format_cell(["none"] * 6))
    reduced = nb201.build(nb201.format_cell(["none"] * 6), nb201.REDUCED)
    assert len(set(isomorphism_classes([full, reduced]))) == 2


def test_equal_functions_of_transnas_cells_share_a_class():
    cells = [f"64-41414-{digits}" for digits in ("3_00_203", "0_00_200", "0_00_300")]
    graphs = [tnb101_micro.build(cell, tnb101_micro.REDUCED) for cell in cells]
    first, twin, other = isomorphism_classes(graphs)
    assert first == twin != other
    assert graphs[0].hash != graphs[1].hash


def test_class_of_other_graphs_is_their_hash():
    graph = hiaml.build("z-z-z-z", hiaml.REDUCED)
    mutant = nb201.build(nb201.format_cell(["none"] * 6)).replace(name="child-17")
    assert isomorphism_classes([graph, mutant]) == [graph.hash, mutant.hash]


def test_split_of_graphs_names_them_by_hash():
    graphs = nb201.sample(60, 0, nb201.REDUCED)
    hashes = graph_hashes(graphs)
    split = split_graphs(graphs, dev=0.1, test=0.1, seed=0)
    rows = [split.rows(part, hashes) for part in ("train", "dev", "test")]
    assert sorted(sum(rows, [])) == list(range(60))
    assert [hashes[row] for row in sorted(rows[1], key=lambda r: hashes[r])] == list(split.dev)
    assert split == split_graphs(graphs[::-1], dev=0.1, test=0.1, seed=0)


def test_round_trip(tmp_path):
    split = split_of(range(50))
    split.save(tmp_path / "a" / "split.json")
    assert Split.load(tmp_path / "a" / "split.json") == split


def test_too_few_classes_are_refused():
    with pytest.raises(DataError, match="generate more graphs"):
        split_of([1, 1, 1, 1, 1])


@pytest.mark.parametrize(
    "change",
    [
        {"format": "archloom-split/9"},
        {"train": None},
        {"dev": [1, 2]},
        {"dev": ["a"], "test": ["a"]},
    ],
)
def test_foreign_file_is_refused(tmp_path, change):
    path = tmp_path / "split.json"
    split_of(range(50)).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError, match="make"):
        Split.load(path)
