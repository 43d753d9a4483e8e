from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.data.labels import (
    Label,
    mean_values,
    merge_labels,
    noise,
    one_source,
    read_labels,
    write_labels,
)
from archloom.errors import DataError, FormatError


def label(graph="a", seed=0, value=0.5, provenance="measured", recipe="r"):
    return Label(graph, "accuracy", provenance, recipe, seed, value, "fraction", graph, "f", 1.5)


LABELS = st.builds(
    label,
    graph=st.sampled_from("abcd"),
    seed=st.integers(-1, 3),
    value=st.floats(0, 1),
    recipe=st.sampled_from(["r", "s"]),
)


@given(st.lists(LABELS, max_size=12))
def test_round_trip(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("labels") / "t.parquet"
    write_labels(labels, path)
    assert read_labels(path) == labels


@given(st.lists(LABELS, max_size=12, unique_by=lambda one: one.key), st.randoms())
def test_merging_depends_on_no_order(labels, random):
    shuffled = labels.copy()
    random.shuffle(shuffled)
    parts = [shuffled[: len(labels) // 2], shuffled[len(labels) // 2 :], labels]
    assert merge_labels(parts) == sorted(labels)


def test_contradicting_labels_are_refused():
    with pytest.raises(DataError, match="two values of accuracy, 0.5 and 0.6"):
        merge_labels([[label()], [label(value=0.6)]])


def test_an_unknown_provenance_is_refused():
    with pytest.raises(DataError, match="provenance 'guessed'"):
        label(provenance="guessed")


def test_means_over_seeds():
    labels = [label(value=0.5), label(seed=1, value=0.7), label("b", value=0.2)]
    assert mean_values(labels) == {"a": pytest.approx(0.6), "b": 0.2}


def test_sources_are_never_mixed_silently():
    labels = [label(), label("b", provenance="benchmark", recipe="nb")]
    with pytest.raises(DataError, match="several sources are mixed"):
        mean_values(labels)
    assert mean_values(one_source(labels, "benchmark", "nb")) == {"b": 0.5}


def test_noise_compares_seeds_with_graphs():
    labels = [label(seed=seed, value=value) for seed, value in enumerate([0.50, 0.52, 0.54])]
    labels += [label("b", value=0.7), label("c", value=0.9), label("c", 1, 0.92)]
    facts = noise(labels)
    assert (facts["graphs"], facts["repeated"]) == (3, 2)
    assert facts["seed_std"] == pytest.approx(((0.0008 + 0.0002) / 3) ** 0.5)
    assert facts["graph_std"] == pytest.approx(0.2)
    assert facts["reliability"] == pytest.approx(1 - facts["seed_std"] ** 2 / 0.04)


def test_noise_without_repeats_is_unknown():
    facts = noise([label(), label("b", value=0.6)])
    assert (facts["seed_std"], facts["reliability"]) == (None, None)
    assert noise([])["graph_std"] is None


def test_bad_files_are_explained(tmp_path):
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = tmp_path / "t.parquet"
    with pytest.raises(DataError, match="There is no label table"):
        read_labels(path)
    write_labels([label()], path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="is no complete Parquet file"):
        read_labels(path)
    parquet.write_table(arrow.table({"graph": ["a"]}), path)
    with pytest.raises(FormatError, match="has the format none"):
        read_labels(path)
    schema = arrow.schema([("graph", arrow.string())], metadata={"format": "archloom-labels/1"})
    parquet.write_table(arrow.table({"graph": ["a"]}, schema=schema), path)
    with pytest.raises(FormatError, match="has the columns"):
        read_labels(path)


def test_labels_sort_by_key():
    labels = [label("b"), label("a", seed=2), label("a", seed=1)]
    assert [one.key[0:5:4] for one in merge_labels([labels])] == [("a", 1), ("a", 2), ("b", 0)]
    assert replace(label(), value=0.1).key == label().key
