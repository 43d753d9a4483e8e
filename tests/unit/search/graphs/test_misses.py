"""A search that finds nothing says why: the reason of most, and the nearest miss."""

from collections import Counter
from types import SimpleNamespace

import pyarrow as pa
import pytest

from archloom.search.constraints import Constraint
from archloom.search.graphs.misses import why_nothing

BASE = {"score": 0.5, "flops": 1000.0}


def result(rows, rejected, *limits):
    """What ``why_nothing`` reads of a result."""
    first = {"score": 0.5, "flops": 1000.0, "iteration": 0}
    named = [dict(zip(("score", "flops", "iteration"), (*row, 1), strict=True)) for row in rows]
    goals = SimpleNamespace(constraints=tuple(map(Constraint.parse, limits)))
    visited = pa.Table.from_pylist([first, *named])
    return SimpleNamespace(
        values=BASE, rejected=Counter(rejected), visited=visited, goals=goals, members=[]
    )


def test_the_reason_of_most_and_the_nearest_are_named():
    found = why_nothing(
        result(
            [(0.4, 900.0), (0.495, 950.0), (0.6, 2000.0)],
            {"seen before": 99, "not score>0%": 2, "not flops<10%": 1},
            "score>0%",
            "flops<10%",
        )
    )
    assert "one reason (2): not score>0%" in found and "seen before" not in found
    assert "The nearest missed score>0% (it has -1%)" in found


def test_what_another_limit_refused_first_is_farther_away():
    rows = [(0.4, None), (0.3, 500.0)]
    found = why_nothing(result(rows, {"not score>0%": 2}, "score>0%", "flops<10%"))
    assert "score>0% (it has -40%)" in found


def test_an_absolute_limit_is_told_in_its_unit():
    found = why_nothing(result([(0.6, 900.0)], {}, "flops<=800"))
    assert "flops<=800 (it has 900)" in found


def test_variants_within_the_limits_but_not_better_are_told():
    found = why_nothing(result([(0.5, 1000.0)], {}, "flops<10%"))
    assert "within all limits, but better than the input in no objective" in found


@pytest.mark.parametrize(
    ("rejected", "advice"),
    [
        ({"no region can be replaced": 3}, "--family"),
        ({"shapes: infeasible": 3}, "more rounds"),
        ({}, "no variant was made"),
    ],
)
def test_without_variants_the_advice_fits_the_reason(rejected, advice):
    assert advice in why_nothing(result([], rejected, "score>0%"))
