import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.graph import OPS, Graph, GraphBuilder, is_isomorphic
from archloom.segments.canonical import canonical_form, refined_order
from archloom.segments.pattern import Pattern, cut
from archloom.segments.tokeniser import Segmentation

OPERATIONS = [OPS.code(name) for name in ("relu", "add", "batchnorm")]


def pattern_of(graph: Graph, order=None) -> Pattern:
    """The whole graph as one segment, nodes in ``order``."""
    order = np.asarray(graph.order if order is None else order, dtype=np.int32)
    starts = np.array([0, len(order)], dtype=np.int32)
    return cut(graph, Segmentation(order, starts, (1,) * len(order)))[0]


@st.composite
def segments(draw, max_nodes=7):
    """A random small DAG with few operations and resolutions, hence with symmetries."""
    n = draw(st.integers(1, max_nodes))
    pairs = [(a, b) for b in range(n) for a in range(b)]
    edges = sorted(
        draw(st.sets(st.sampled_from(pairs))) if pairs else [], key=lambda e: (e[1], e[0])
    )
    counts = (
        np.bincount([target for _, target in edges], minlength=n) if edges else np.zeros(n, int)
    )
    sizes = draw(st.lists(st.sampled_from([8, 16]), min_size=n, max_size=n))
    return Graph.from_arrays(
        op=draw(st.lists(st.sampled_from(OPERATIONS), min_size=n, max_size=n)),
        in_ptr=np.concatenate([[0], np.cumsum(counts)]),
        in_src=[source for source, _ in edges],
        resolution=[[size, size, size, size, 4, 4] for size in sizes],
    )


def shuffled_order(graph: Graph, seed: int) -> list[int]:
    """A random topological order."""
    rng = np.random.default_rng(seed)
    digraph = networkx.DiGraph()
    digraph.add_nodes_from(range(graph.n_nodes))
    digraph.add_edges_from(graph.edges.tolist())
    rank = rng.permutation(graph.n_nodes)
    return list(networkx.lexicographical_topological_sort(digraph, key=rank.__getitem__))


@given(segments(), st.integers(0, 1000))
def test_the_form_does_not_depend_on_node_order(graph, seed):
    assert canonical_form(pattern_of(graph)) == canonical_form(
        pattern_of(graph, shuffled_order(graph, seed))
    )


@given(segments(4), segments(4))
def test_equal_forms_are_isomorphic_and_the_other_way_round(first, second):
    equal = canonical_form(pattern_of(first)) == canonical_form(pattern_of(second))
    assert equal == is_isomorphic(first, second)


@given(segments())
def test_the_form_is_the_same_segment_in_topological_order(graph):
    form = canonical_form(pattern_of(graph))
    assert is_isomorphic(form.graph(), graph)
    assert (form.edge_array()[:, 0] < form.edge_array()[:, 1]).all()
    assert canonical_form(form) == form


def test_instances_of_one_topology_share_nodes_and_edges():
    """Two equal branches of different width: swapping them changes the numbering, not the form."""
    forms = []
    for first, second in ((8, 16), (16, 8), (8, 8)):
        b = GraphBuilder()
        x = b.unary("relu", b.input(4, 4, 3))
        b.output(b.concat([b.unary("relu", b.conv(x, first)), b.unary("relu", b.conv(x, second))]))
        forms.append(canonical_form(pattern_of(b.build())))
    assert len({(form.nodes, form.edges) for form in forms}) == 1
    assert forms[0] == forms[1] != forms[2]


def test_many_equal_nodes_are_ordered_quickly():
    labels, before = ["same"] * 60, [[] for _ in range(60)]
    order, is_discrete = refined_order(labels, before)
    assert sorted(order) == list(range(60))
    assert not is_discrete


def test_repeated_edges_count():
    graphs = []
    for operands in (["x", "x", "y"], ["x", "y"]):
        b = GraphBuilder()
        nodes = {"x": b.input(4, 4, 4)}
        nodes["y"] = b.unary("relu", nodes["x"])
        b.add([nodes[name] for name in operands])
        graphs.append(canonical_form(pattern_of(b.build())))
    assert graphs[0] != graphs[1]


@pytest.mark.parametrize("field", ["kernel", "stride", "dilation", "padding", "bias", "resolution"])
def test_every_attribute_counts(field):
    b = GraphBuilder()
    b.conv(b.input(8, 8, 4), 4)
    graph = b.build()
    other = graph.replace(
        **{field: getattr(graph, field) + np.asarray(1).astype(graph.kernel.dtype)}
    )
    other = Graph.from_arrays(
        **{name: getattr(other, name) for name in vars(other) if name in _FIELDS}
    )
    assert canonical_form(pattern_of(graph)) != canonical_form(pattern_of(other))


_FIELDS = "op in_ptr in_src resolution kernel stride dilation padding pads bias ids".split()
