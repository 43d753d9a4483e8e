"""The autogo-cg/1 schema and the reference's state-dict."""

import copy
import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archloom.errors import ArchloomError, FormatError
from archloom.graph import OPS, GraphBuilder, Padding, flops
from archloom.io.reference.cg_json import (
    from_cg_json,
    from_state_dict,
    op_code_of_label,
    to_cg_json,
    to_state_dict,
)
from strategies import networks


def small_state() -> dict:
    b = GraphBuilder(name="net")
    x = b.input(8, 8, 3)
    b.output(b.pool("maxpool", b.conv(x, 4, 3, 2, bias=True), 2, 2))
    return to_state_dict(b.build())


@given(networks())
def test_both_schemas_keep_the_architecture(graph):
    assume((graph.padding != Padding.EXPLICIT).all())
    for found in (
        from_state_dict(json.loads(json.dumps(to_state_dict(graph)))),
        from_cg_json(json.loads(json.dumps(to_cg_json(graph)))),
    ):
        assert found.hash == graph.hash
        assert found.name == graph.name
        assert flops(found) == flops(graph)
        assert (np.diff(found.is_weighted.astype(int)) <= 0).all()


def test_shipped_documents_come_back_as_they_were(shipped, shipped_documents):
    for name, graph in shipped.items():
        found, wanted = to_cg_json(graph), shipped_documents[name]
        assert sorted(found["edges"]) == sorted(wanted["edges"]), name
        for ours, theirs in zip(found["nodes"], wanted["nodes"], strict=True):
            keys = ("id", "kind", "op", "op_type", "op_type_idx", "resolution")
            assert {key: ours[key] for key in keys} == {key: theirs[key] for key in keys}
            assert ours.get("kernel") == theirs.get("kernel")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("conv2d", "conv"),
        ("Conv2D_3", "conv"),
        ("fusedbatchnormv3", "batchnorm"),
        ("matmul", "matmul"),
        ("mul_1", "mul"),
        ("relu6", "relu6"),
        ("relu_12", "relu"),
        ("addv2", "add"),
        ("depthwise", "depthwise"),
        ("something", "unknown"),
        ("concat_1", "concat"),
        ("avgpool", "avgpool"),
    ],
)
def test_labels_map_to_the_longest_operation_inside(label, name):
    assert OPS.name(op_code_of_label(label)) == name


def test_channels_come_from_the_resolution_kernels_from_the_shape():
    state = small_state()
    state["weighted_nodes"][0]["shape"] = [3 / 512, 4 / 512, 5, 3]
    graph = from_state_dict(state)
    assert graph.kernel[0].tolist() == [5, 3]
    assert graph.resolution[0, 4:].tolist() == [3, 4]


def test_wrong_counts_of_older_files_do_not_matter():
    state = small_state()
    assert from_state_dict({**state, "n_weighted_nodes": 0}).hash == from_state_dict(state).hash


def test_the_dilation_that_the_reference_executes_wins():
    state = small_state()
    state["weighted_nodes"][0]["metadata"]["dil_rate"] = 2
    assert from_state_dict(state).dilation[0].tolist() == [2, 2]


def test_explicit_pads_are_written_as_same_only_where_they_are_the_same():
    words = {}
    for pads in ((0, 0, 1, 1), (1, 1, 1, 1), (0, 0, 0, 0)):
        b = GraphBuilder(name="net")
        b.output(b.conv(b.input(8, 8, 3), 4, 3, 2, padding=pads))
        try:
            words[pads] = to_state_dict(b.build())["weighted_nodes"][0]["metadata"]["padding"]
        except FormatError as error:
            words[pads] = str(error)
    assert words[0, 0, 1, 1] == "same"
    assert words[0, 0, 0, 0] == "valid"
    assert "cannot say" in words[1, 1, 1, 1]


def test_padding_nodes_keep_their_pads():
    state = small_state()
    pad = copy.deepcopy(state["regular_nodes"][0])
    pad |= {"label": "paddings", "metadata": {"pad_h": [1, 2], "pad_w": [3, 4]}}
    graph = from_state_dict({**state, "regular_nodes": [*state["regular_nodes"], pad]})
    assert graph.pads[-1].tolist() == [1, 3, 2, 4]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("weighted_nodes",), None, "not a compute-graph state-dict"),
        (("edge_pairs",), [[0, 99]], "edge names node 99"),
        (("edge_pairs",), [[0, -1]], "edge"),
        (("edge_pairs",), [[0, 1, 2]], "state-dict"),
        (("weighted_nodes", 0), 3, "damaged"),
        (("weighted_nodes", 0, "label"), None, "damaged|unknown"),
        (("weighted_nodes", 0, "shape"), None, "has no shape"),
        (("weighted_nodes", 0, "shape"), [3, 4, 0, 0], "has no kernel"),
        (("weighted_nodes", 0, "resolution"), [1, 2], "resolution"),
        (("weighted_nodes", 0, "resolution"), ["x"] * 6, "damaged"),
        (("weighted_nodes", 0, "resolution"), [float("inf")] * 6, "damaged"),
        (("weighted_nodes", 0, "metadata"), [1], "damaged"),
        (("weighted_nodes", 0, "metadata", "padding"), "full", "same and valid are known"),
        (("regular_nodes", 1, "metadata", "ksize"), None, "has no kernel"),
    ],
)
def test_damaged_entries_are_refused(path, value, message):
    state = small_state()
    place = state
    for key in path[:-1]:
        place = place[key]
    if path[-1] == "label":
        del place["label"]
    else:
        place[path[-1]] = value
    with pytest.raises(ArchloomError, match=message):
        from_state_dict(state)


def test_an_empty_document_is_refused():
    with pytest.raises(FormatError, match="no entry 'weighted_nodes'"):
        from_state_dict({})
    with pytest.raises(FormatError, match="no nodes"):
        from_cg_json({"nodes": []})


VALUES = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.integers(), max_size=6)
)


@given(st.data())
def test_any_value_at_any_place_is_read_or_refused_never_a_crash(data):
    document = to_cg_json(from_state_dict(small_state()))
    node = data.draw(st.sampled_from([*document["nodes"], document]))
    node[data.draw(st.sampled_from(sorted(node)))] = data.draw(VALUES)
    try:
        from_cg_json(document)
    except ArchloomError:
        pass
