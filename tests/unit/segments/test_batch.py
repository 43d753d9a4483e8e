import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archloom.segments.batch import BatchTokeniser, batches
from archloom.segments.bpe import MergeTable
from archloom.spaces import hiaml, two_path
from strategies import networks as random_networks


def assert_cut_as_one_by_one(graphs, tokeniser, size):
    cutter = BatchTokeniser(tokeniser)
    seen = []
    for batch in batches(graphs, size):
        cuts = cutter.segment(batch)
        for k, graph in enumerate(batch.graphs):
            start, stop = batch.bounds[k : k + 2]
            groups = slice(cuts.first_group[k], cuts.first_group[k + 1] + 1)
            wanted = tokeniser.segment(graph)
            assert (cuts.starts[groups] - start).tolist() == wanted.starts.tolist()
            assert (batch.order[start:stop] - start).tolist() == wanted.order.tolist()
            known = np.maximum(wanted.symbols, 0).tolist()
            assert cuts.symbols[start:stop].tolist() == known
            seen.append(graph)
    assert seen == list(graphs)


def test_a_batch_is_cut_as_its_graphs_one_by_one(tokeniser, networks):
    for size in (1, 7, 100):
        assert_cut_as_one_by_one(networks, tokeniser, size)


def test_graphs_with_unknown_labels_are_cut_as_one_by_one(tokeniser, networks):
    strangers = [*hiaml.sample(4, 0), *two_path.sample(4, 0)]
    assert any(min(tokeniser.segment(graph).symbols) < 0 for graph in strangers)
    assert_cut_as_one_by_one([*strangers, *networks], tokeniser, 100)


@given(st.lists(random_networks(), min_size=1, max_size=4))
def test_any_graphs_are_cut_as_one_by_one(tokeniser, graphs):
    assert_cut_as_one_by_one(graphs, tokeniser, 3)


@given(
    st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=5), unique_by=tuple, max_size=12),
    st.lists(st.integers(-1, 6), min_size=1, max_size=40),
)
def test_words_are_cut_independently(merges, symbols):
    table = MergeTable([tuple(merge) for merge in merges], 5)
    starts = np.flatnonzero(table.word_starts(np.array(symbols))).tolist()
    assert starts[0] == 0
    words = [symbols[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
    lengths = [length for word in words for length in table.piece_lengths(word)]
    assert lengths == table.piece_lengths(symbols)


def test_words_end_where_no_merge_reaches():
    table = MergeTable([(1, 2), (1, 2, 3)], 4)
    symbols = np.array([1, 2, 3, 1, 2, 4, 0, 9, 4, 4])
    assert np.flatnonzero(table.word_starts(symbols)).tolist() == [0, 3, 5, 6, 8, 9]


def test_groups_can_be_taken_out(tokeniser, networks):
    (batch,) = batches(networks)
    cuts = BatchTokeniser(tokeniser).segment(batch)
    graph, segmentation = cuts.taken(np.array([5, 2]))
    for group, number in enumerate((5, 2)):
        positions = slice(cuts.starts[number], cuts.starts[number + 1])
        wanted = batch.union.subgraph(batch.order[positions])
        assert graph.subgraph(segmentation.group(group)).hash == wanted.hash
        assert segmentation.tokens()[group] == tuple(cuts.symbols[positions].tolist())


def test_batches_hold_every_graph_once_in_order(networks):
    found = list(batches(iter(networks), 10))
    assert [len(batch.graphs) for batch in found] == [10, 10, 4]
    assert [graph for batch in found for graph in batch.graphs] == networks
    for batch in found:
        assert sorted(batch.order.tolist()) == list(range(batch.union.n_nodes))
        assert (batch.graph_of == np.repeat(range(len(batch.graphs)), np.diff(batch.bounds))).all()
