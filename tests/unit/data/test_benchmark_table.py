"""Published measurements: classes, means of twins, their noise, and the networks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.data.benchmark_table import (
    BenchmarkTable,
    Metric,
    class_codes,
    class_means,
    twin_noise,
)
from archloom.errors import DataError
from archloom.spaces import naap

NETWORKS = tuple(naap.enumerate_all())[:4]


def table(values=(0.5, 0.7, 0.6, np.nan), split=("train", "train", "test", ""), **changes):
    fields = {
        "name": "some",
        "family": "naap",
        "skeleton": naap.REDUCED,
        "architectures": NETWORKS,
        "classes": ("a", "b", "a", "c"),
        "metrics": {"accuracy": Metric("fraction")},
        "values": {"accuracy": np.array(values)},
        "split": split,
    }
    return BenchmarkTable(**fields | changes)


def test_merged_has_the_mean_of_each_class_under_its_first_architecture():
    merged = table().merged()
    assert merged.classes == ("a", "b", "c")
    assert merged.architectures == (NETWORKS[0], NETWORKS[1], NETWORKS[3])
    np.testing.assert_allclose(merged.values["accuracy"], [0.55, 0.7, np.nan])
    assert merged.split == ("", "train", "")


def test_measured_leaves_out_rows_without_a_value():
    assert table().measured("accuracy").architectures == NETWORKS[:3]
    with pytest.raises(DataError, match="no metric 'loss': choose one of accuracy"):
        table().measured("loss")


def test_networks_are_those_of_the_skeleton():
    assert [graph.name for graph in table().graphs()] == [f"{one}@reduced" for one in NETWORKS]
    with pytest.raises(DataError, match="not its skeleton"):
        list(table(skeleton=None).graphs())


def test_columns_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"4 networks, but columns of \[2, 4\] rows"):
        table(split=("train", "test"))
    with pytest.raises(DataError, match="one value per network"):
        table(metrics={})


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.one_of(st.floats(-1, 1), st.just(np.nan))),
        min_size=1,
        max_size=20,
    )
)
def test_means_and_noise_of_classes(rows):
    names, values = [name for name, _ in rows], np.array([value for _, value in rows])
    codes = class_codes(names)
    groups = [
        [value for other, value in rows if other == name and np.isfinite(value)]
        for name in dict.fromkeys(names)
    ]
    expected = [np.mean(group) if group else np.nan for group in groups]
    np.testing.assert_allclose(class_means(values, codes), expected, atol=1e-12)
    freedom = sum(max(len(group) - 1, 0) for group in groups)
    noise = twin_noise(values, names)
    if not freedom:
        assert noise is None
    else:
        squares = sum(np.var(group) * len(group) for group in groups if group)
        assert noise == pytest.approx((squares / freedom) ** 0.5, abs=1e-9)


def test_networks_that_ignore_the_image_tell_no_noise():
    assert twin_noise(np.array([0.1, 0.9, 0.5]), ["0", "0", "a"]) is None
