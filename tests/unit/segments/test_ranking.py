"""Rankings of segments: how they draw, and their files."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from archloom.errors import DataError, FormatError
from archloom.search.graphs.mutation import Mutator
from archloom.search.graphs.settings import SearchSettings
from archloom.segments.ranking import SegmentRanking, read_ranking, write_ranking
from archloom.segments.tables import write_table
from search_world import SETTINGS, ConvCount, make_mutator, make_network, make_world


@pytest.fixture
def ranking():
    """Of a database of six instances; number 4 is far better than the others."""
    return SegmentRanking("0123", "accuracy", np.array([0.0, 1, 0, 0, 20, 1]))


def mutated(scores):
    """Children of a network by replacements drawn with these scores."""
    database, tokeniser = make_world()
    ranked = None if scores is None else SegmentRanking(database.digest, "toy", scores)
    mutator = Mutator(database, tokeniser, NoPreference(), SearchSettings(**SETTINGS), ranked)
    return mutator, mutator(make_network(), np.random.default_rng(0), 1000)


class NoPreference(ConvCount):
    """Leaves the choice of segments to chance."""

    def open(self, parent, order, regions):
        return self

    def preference(self, region, topologies):
        return None


def test_a_draw_is_a_permutation_that_prefers_the_better(ranking):
    rng = np.random.default_rng(0)
    drawn = np.array([ranking.draw(np.array([0, 2, 4, 5]), rng) for _ in range(400)])
    np.testing.assert_array_equal(np.unique(np.sort(drawn, axis=1), axis=0), [[0, 2, 4, 5]])
    first = np.array([(drawn[:, 0] == instance).mean() for instance in (0, 2, 4, 5)])
    spread = ranking.scores.std()
    odds = np.exp(ranking.scores[[0, 2, 4, 5]] / spread)
    np.testing.assert_allclose(first, odds / odds.sum(), atol=0.06)


def test_equal_scores_draw_uniformly():
    flat = SegmentRanking("0123", "accuracy", np.zeros(3))
    rng = np.random.default_rng(0)
    first = [int(flat.draw(np.arange(3), rng)[0]) for _ in range(600)]
    assert np.bincount(first).min() > 150


def test_files(ranking, tmp_path):
    write_ranking(ranking, tmp_path / "ranking.parquet")
    again = read_ranking(tmp_path / "ranking.parquet")
    np.testing.assert_array_equal(again.scores, ranking.scores)
    assert (again.database, again.target) == ("0123", "accuracy")
    assert again.digest == ranking.digest
    assert replace(ranking, scores=ranking.scores + 1).digest != ranking.digest


def test_scores_that_are_not_finite_are_refused(ranking, tmp_path):
    write_ranking(replace(ranking, scores=np.array([0, np.nan])), tmp_path / "ranking.parquet")
    with pytest.raises(FormatError, match="not finite"):
        read_ranking(tmp_path / "ranking.parquet")
    write_table(tmp_path / "other.parquet", pa.table({"score": [1.0]}), "other/1", {})
    with pytest.raises(FormatError, match="other/1"):
        read_ranking(tmp_path / "other.parquet")


def test_a_ranking_of_another_database_is_refused(ranking):
    with pytest.raises(DataError, match="rank-segments"):
        ranking.check(make_world()[0])
    database, tokeniser = make_world()
    with pytest.raises(DataError, match="rank-segments"):
        Mutator(database, tokeniser, ConvCount(), SearchSettings(**SETTINGS), ranking)


def test_a_search_draws_what_is_ranked_high():
    database = make_world()[0]
    sizes = np.array([database.graph(i).n_nodes for i in range(database.n_instances)], dtype=float)
    large, small = (mutated(sign * 40 * sizes)[1] for sign in (1, -1))
    assert large.hashes and small.hashes

    def mean_size(brood):
        return np.mean([child.n_nodes for child in brood.graphs])

    assert mean_size(large) > mean_size(small) + 1


def test_a_search_with_a_ranking_is_another_search():
    n = make_world()[0].n_instances
    uniform, flat, other = (mutated(scores)[0] for scores in (None, np.zeros(n), np.arange(n)))
    assert uniform.identity == make_mutator().identity
    assert len({tuple(one.identity) for one in (uniform, flat, other)}) == 3
