import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archloom.errors import GraphError
from archloom.predict import PSC, PscScorer


@settings(max_examples=15)
@given(st.data())
def test_candidates_score_as_whole_triples_do(psc_network, spelled_out, data):
    parent = data.draw(spelled_out.graphs(min_nodes=5))
    candidates = data.draw(st.lists(spelled_out.graphs(2, 6), min_size=1, max_size=4))
    order = np.arange(parent.n_nodes)
    sources = [(1, 3), (2, 4)]
    scorer = PscScorer(PSC(psc_network), parent, order, sources)
    for number, (start, end) in enumerate(sources):
        expected = [
            spelled_out.psc(psc_network, parent, order, start, end, candidate)[0]
            for candidate in candidates
        ]
        assert scorer.score(number, candidates) == pytest.approx(expected, abs=1e-5)
        own, _ = spelled_out.psc(psc_network, parent, order, start, end)
        assert scorer.originals[number] == pytest.approx(own, abs=1e-5)


def test_scores_come_back_in_input_order(psc_network, nb_like_graph):
    psc = PSC(psc_network)
    order = nb_like_graph.order
    scorer = PscScorer(psc, nb_like_graph, order, [(2, 5)])
    candidates = [nb_like_graph.subgraph(order[2:stop]) for stop in (9, 4, 12, 6, 3)]
    apart = [scorer.score(0, [candidate])[0] for candidate in candidates]
    assert len(set(apart)) == len(apart)
    assert scorer.score(0, candidates) == pytest.approx(apart, abs=1e-6)
    assert scorer.score(0, candidates[::-1]) == pytest.approx(apart[::-1], abs=1e-6)


def test_candidates_of_several_sources_are_scored_at_once(psc_network, nb_like_graph):
    psc = PSC(psc_network)
    scorer = PscScorer(psc, nb_like_graph, nb_like_graph.order, [(2, 5), (4, 6)])
    candidates = [nb_like_graph.subgraph([2, 3]), nb_like_graph.subgraph([5])]
    together = scorer.score(np.array([1, 0]), candidates)
    apart = [scorer.score(1, candidates[:1])[0], scorer.score(0, candidates[1:])[0]]
    assert together == pytest.approx(apart, abs=1e-6)
    embeddings = psc.segment_embeddings(candidates)
    assert scorer.score_embeddings(0, embeddings) == pytest.approx(scorer.score(0, candidates))


def test_no_candidates_have_no_scores(psc_network, nb_like_graph):
    scorer = PscScorer(PSC(psc_network), nb_like_graph, nb_like_graph.order, [(2, 5)])
    assert scorer.score(0, []).shape == (0,)


def test_a_source_without_context_is_refused(psc_network, nb_like_graph):
    with pytest.raises(GraphError, match="empty"):
        PscScorer(PSC(psc_network), nb_like_graph, nb_like_graph.order, [(0, 3)])
