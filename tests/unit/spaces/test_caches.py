import numpy as np

from archloom.graph import OPS
from archloom.segments import Tokeniser, Vocabulary
from archloom.spaces import hiaml, nb101, nb201
from archloom.spaces.caches import in_cache_form


def cell(*operations):
    return nb201.build(nb201.format_cell(operations), nb201.REDUCED, "upstream")


def names(graph):
    return [graph.op_name(node) for node in graph.order.tolist()]


CONV = "nor_conv_3x3"
SKIP = "skip_connect"


def test_other_families_are_left_as_they_are():
    graph = hiaml.sample(1, 0, hiaml.REDUCED)[0]
    assert in_cache_form(graph) is graph


def test_only_the_identity_of_dropout_is_left():
    found = in_cache_form(cell(CONV, SKIP, CONV, SKIP, SKIP, CONV))
    assert names(found).count("identity") == 1
    (node,) = np.flatnonzero(found.op == OPS.code("identity"))
    assert found.op_name(int(found.predecessors(node)[0])) == "mean"


def test_operands_of_a_skip_feed_what_read_it():
    plain = in_cache_form(cell(CONV, CONV, CONV, CONV, CONV, CONV))
    assert plain.hash == cell(CONV, CONV, CONV, CONV, CONV, CONV).hash
    skipped = in_cache_form(cell(CONV, SKIP, CONV, CONV, CONV, CONV))
    assert skipped.n_nodes == plain.n_nodes - 3 * 3  # relu, conv, norm of one edge in 3 cells
    assert skipped.in_degree[skipped.op == OPS.code("add")].min() == 2


def test_sums_of_one_operand_go_too():
    """All edges skip: every state is the cell's input."""
    found = in_cache_form(cell(*[SKIP] * 6))
    assert "add" in names(cell(*[SKIP] * 6))
    assert names(found).count("add") == 2  # those of the two reductions


def test_a_missing_edge_counts_as_a_skip():
    with_none, with_skip = (cell(CONV, op, CONV, op, CONV, CONV) for op in ("none", SKIP))
    assert in_cache_form(with_none).hash == in_cache_form(with_skip).hash


def test_cut_channels_leave_no_node():
    graph = nb101.build("conv3x3~0|conv1x1~0,1|maxpool3x3~1|output~1,2,3", nb101.REDUCED)
    assert "slice" in names(graph)
    found = in_cache_form(graph)
    assert "slice" not in names(found)
    assert found.n_nodes == graph.n_nodes - names(graph).count("slice")
    assert not found.is_fixed.any()


def test_the_published_vocabulary_knows_every_label_of_nb201(data_folder):
    tokeniser = Tokeniser(Vocabulary.from_published(data_folder / "autogo_vocab"))
    graphs = [in_cache_form(g) for g in nb201.sample(250, 0, nb201.FULL, "upstream")]
    pieces = [tokeniser.segment(graph).n_groups for graph in graphs]
    assert not any(tokeniser.vocabulary.unknown_labels(graph) for graph in graphs)
    error = 3 * np.std(pieces) / np.sqrt(len(pieces))
    assert abs(np.mean(pieces) - 252_800 / 4_096) < error
