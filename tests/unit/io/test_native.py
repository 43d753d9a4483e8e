"""Our own JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ArchloomError, FormatError, GraphError
from archloom.graph import Graph, GraphBuilder
from archloom.io.native import from_native, to_native, to_native_text
from strategies import assert_identical, networks, segments


@given(st.one_of(networks(), segments()))
def test_a_round_trip_through_text_is_the_identity(graph):
    assert_identical(from_native(json.loads(to_native_text(graph))), graph)


def test_shipped_graphs_round_trip(shipped):
    for graph in shipped.values():
        assert_identical(from_native(json.loads(to_native_text(graph))), graph)


def small() -> Graph:
    b = GraphBuilder(name="net", family="test")
    x = b.input(8, 8, 3)
    b.output(b.conv(x, 4, 3, 2, bias=True))
    return b.build().replace(ids=b.build().ids + 10)


def test_the_text_has_one_line_per_node_without_defaults():
    lines = to_native_text(small()).splitlines()
    nodes = [json.loads(line.strip().rstrip(",")) for line in lines if line.startswith("  {")]
    assert nodes == [
        {"id": 10, "op": "input", "resolution": [8, 8, 8, 8, 3, 3]},
        {
            "id": 11,
            "op": "conv",
            "inputs": [10],
            "resolution": [8, 4, 8, 4, 3, 4],
            "kernel": [3, 3],
            "stride": [2, 2],
            "padding": "same",
            "bias": True,
        },
        {"id": 12, "op": "output", "inputs": [11], "resolution": [4, 4, 4, 4, 4, 4]},
    ]
    head = json.loads("".join(lines))
    assert (head["format"], head["name"], head["family"]) == ("archloom-graph/2", "net", "test")


def test_the_checksum_may_be_missing_but_not_wrong():
    document = to_native(small())
    del document["hash"]
    assert from_native(document).hash == small().hash
    document["hash"] = "0" * 32
    with pytest.raises(FormatError, match="damaged.*remove the entry 'hash'"):
        from_native(document)


def test_an_edited_attribute_breaks_the_checksum():
    document = to_native(small())
    document["nodes"][1]["stride"] = [1, 2]
    with pytest.raises(FormatError, match="hash"):
        from_native(document)


def test_version_1_is_still_read():
    assert from_native({**to_native(small()), "format": "archloom-graph/1"}).hash == small().hash


@pytest.mark.parametrize("version", ["archloom-graph/3", "archloom-graph/", None, 3])
def test_another_version_is_refused_with_the_known_one(version):
    with pytest.raises(FormatError, match="this version reads archloom-graph/1 and"):
        from_native({**to_native(small()), "format": version})


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("extra", 1, "unknown entry 'extra'"),
        ("nodes", {}, "no list of nodes"),
        ("name", 7, "have to be texts"),
        ((0,), "conv", "node entry 0 is str"),
        ((1, "kernels"), 3, "entry 1 has the unknown entry 'kernels'.*kernel, stride"),
        ((1, "op"), "convolution", "unknown operation 'convolution'.*known are.*conv"),
        ((1, "op"), ["conv"], "unknown operation"),
        ((1, "id"), "11", "whole numbers"),
        ((2, "id"), 10, "ids are not unique"),
        ((1, "inputs"), [99], "takes its input from 99"),
        ((1, "inputs"), 10, "damaged"),
        ((1, "inputs"), [[10]], "damaged"),
        ((1, "padding"), "full", "padding 'full': known are none, valid, same, explicit"),
        ((1, "padding"), [1], "damaged|padding"),
        ((1, "kernel"), [3], "different lengths"),
        ((1, "kernel"), ["3", "3"], "whole numbers"),
        ((1, "kernel"), [1.5, 3], "whole numbers"),
        ((1, "kernel"), [2**20, 1], "outside int16"),
        ((1, "resolution"), None, "damaged|whole numbers|resolution"),
    ],
)
def test_damaged_entries_are_named(place, value, message):
    document = to_native(small())
    del document["hash"]
    if isinstance(place, str):
        document[place] = value
    elif len(place) == 1:
        document["nodes"][place[0]] = value
    else:
        document["nodes"][place[0]][place[1]] = value
    with pytest.raises((FormatError, GraphError), match=message):
        from_native(document)


def test_a_missing_entry_is_named():
    document = to_native(small())
    del document["nodes"][2]["resolution"]
    with pytest.raises(FormatError, match="entry 2 lacks 'resolution'"):
        from_native(document)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.data(), networks(max_steps=3))
def test_any_value_at_any_place_is_read_or_refused_never_a_crash(data, graph):
    document = to_native(graph)
    node = data.draw(st.sampled_from(document["nodes"]))
    node[data.draw(st.sampled_from(sorted({*node, "inputs", "padding", "pads"})))] = data.draw(JSON)
    try:
        from_native(document)
    except ArchloomError:
        pass
