"""What a search found, as a short text, as a table and in a notebook."""

import pytest

from archloom.search.graphs.evolution import evolve
from search_world import make_mutator, make_network, make_world


@pytest.fixture(scope="module")
def result():
    return evolve(make_network(), make_mutator(iterations=1), seed=1)


def test_the_table_has_the_input_and_every_member(result):
    table = result.to_pandas()
    assert list(table.index) == list(range(len(result) + 1)) and len(result)
    assert list(table.hash[1:]) == [member.graph.hash for member in result]
    assert table.score[0] == result.score
    for rank, member in enumerate(result, start=1):
        change = 100 * (member.flops - result.flops) / result.flops
        assert table.flops_change_percent[rank] == pytest.approx(change)
        assert table.nodes[rank] == member.graph.n_nodes


def test_texts_are_short_and_names_stay_data_in_a_notebook(result):
    assert repr(result).startswith(f"<SearchResult: {len(result)} better than the input")
    assert len(repr(result[0])) < 120 and "round 1" in repr(result[0])
    assert result[0]._repr_svg_().startswith("<svg")
    assert result._repr_html_().count("<tr") == len(result) + 3
    database, tokeniser = make_world()
    assert all(len(repr(one)) < 80 for one in (database, tokeniser.vocabulary))


def test_an_empty_front_is_a_table_of_the_input():
    empty = evolve(make_network(), make_mutator(iterations=1, constraints=("flops<=-99%",)), seed=1)
    assert list(empty.to_pandas().index) == [0] and "0 better" in repr(empty)
