"""One idea of parts of the work, for the workflow and the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ConfigError
from archloom.shards import Shard, chunks, shard_names


@given(items=st.integers(0, 50), total=st.integers(1, 60))
def test_every_item_is_in_exactly_one_shard(items, total):
    shares = [list(Shard.parse(name).share(range(items))) for name in shard_names(total)]
    assert sorted(sum(shares, [])) == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(counts=st.lists(st.integers(0, 4), max_size=12), total=st.integers(1, 9))
def test_the_trainings_of_all_shards_are_those_wanted(counts, total):
    wanted = [list(range(count)) for count in counts]
    parts = [Shard(number, total).seeds(wanted) for number in range(1, total + 1)]
    assert [sorted(sum(seeds, [])) for seeds in zip(*parts, strict=True)] == wanted
    trainings = [sum(map(len, part)) for part in parts]
    assert max(trainings) - min(trainings) <= 1


@pytest.mark.parametrize(
    "name",
    ["", "3", "of", "0of3", "4of3", "1of0", "01of3", "1of3of4", "1/3/4", "5/4", "-1/2", "a/b"],
)
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match="3of8"):
        Shard.parse(name)


@pytest.mark.parametrize("text", ["3of8", "3/8"])
def test_both_ways_of_writing_give_one_name(text):
    assert Shard.parse(text) == Shard(3, 8)
    assert str(Shard.parse(text)) == "3of8"


def test_the_only_shard_has_everything():
    assert list(Shard().share("abc")) == list("abc")


def test_chunks_follow_each_other_and_only_the_last_is_short():
    assert list(chunks("abcdefg", 3)) == ["abc", "def", "g"]
    assert list(chunks([], 3)) == []
