"""Constraints as text, relative to the input, and on the way to a target."""

import re
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.errors import ConfigError
from archloom.search.constraints import Constraint, Limits, relative_change


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("latency<=-15%", Constraint("latency", "<=", -15.0, True)),
        ("params<=5e6", Constraint("params", "<=", 5e6, False)),
        (" flops >= -10 % ", Constraint("flops", ">=", -10.0, True)),
        ("score>.5", Constraint("score", ">", 0.5, False)),
    ],
)
def test_constraints_are_read_from_text(text, wanted):
    assert Constraint.parse(text) == wanted


@given(
    st.sampled_from(["<=", "<", ">=", ">"]),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: float(f"{x:.12g}")),
    st.booleans(),
)
def test_the_text_of_a_constraint_is_read_back(relation, bound, percent):
    one = Constraint("flops", relation, bound, percent)
    assert Constraint.parse(str(one)) == one


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "at its end: a figure"),
        ("latency", "at its end: <=, <, >= or >"),
        ("latency=<3", 'at "=<3": <=, <, >= or >'),
        ("latency==3", 'at "==3"'),
        ("latency<=", "at its end: a number"),
        ("latency<=fast", 'at "fast": a number'),
        ("flops<10%<20%", 'at "<20%": nothing more'),
        ("3<latency", 'at "3<latency": a figure'),
    ],
)
def test_an_unreadable_constraint_is_pointed_at(text, place):
    with pytest.raises(ConfigError) as found:
        Constraint.parse(text)
    assert place in str(found.value)


@pytest.mark.parametrize(
    ("value", "base", "change"),
    [(110, 100, 10), (-0.5, -1, 50), (0, 0, 0), (1, 0, inf), (-1, 0, -inf)],
)
def test_changes_are_relative_to_the_size_of_the_inputs_figure(value, base, change):
    assert relative_change(value, base) == change


BASE = {"score": 0.5, "latency": 100.0, "params": 1e6}
LIMITS = Limits([Constraint.parse(t) for t in ("score>0%", "latency<=-15%", "params<=2e6")], BASE)


@pytest.mark.parametrize(
    ("changes", "refusal", "reached"),
    [
        ({"latency": 80.0}, "", True),
        ({"latency": 95.0}, "", False),  # on the way to the target
        ({"latency": 101.0}, "not latency<=0%", False),
        ({"score": 0.5}, "not score>0%", False),
        ({"params": 2.1e6}, "not params<=2000000", False),
        ({"latency": nan}, "latency not finite", False),
    ],
)
def test_a_target_may_take_several_steps_and_all_else_holds_at_once(changes, refusal, reached):
    values = {"score": 0.6, "latency": 80.0, "params": 1e6, **changes}
    assert LIMITS.refusal(values) == refusal
    assert LIMITS.reached(values) is reached


def test_figures_that_are_not_known_yet_are_passed_over():
    assert LIMITS.refusal({"score": 0.6}) == ""


def test_without_an_input_all_constraints_hold_at_every_step():
    limits = Limits([Constraint.parse("latency<=8")])
    assert limits.refusal({"latency": 9.0}) == "not latency<=8" and limits.refusal({"a": 9.0}) == ""
    assert limits.reached({"latency": 8.0}) and not limits.reached({"latency": 9.0})
    with pytest.raises(ConfigError, match="there is no input"):
        Limits([Constraint.parse("latency<=-15%")])


@pytest.mark.parametrize("text", ["flops<10", "flops>=-20", "latency<=-15", "score>0", "params<=5"])
def test_a_bound_without_unit_where_a_percentage_was_meant_asks(text):
    base = {"flops": 2e6, "latency": 3.5, "score": 0.9, "params": 1e5}
    with pytest.raises(ConfigError, match=re.escape(f"write {Constraint.parse(text)}%;")):
        Limits([Constraint.parse(text)], base)


@pytest.mark.parametrize("text", ["latency<=3", "score>-9", "score>.5", "params<=200", "flops<1e5"])
def test_a_bound_in_the_unit_of_the_figure_stays(text):
    base = {"flops": 2e6, "latency": 3.5, "score": 0.9, "params": 1000.0}
    assert Limits([Constraint.parse(text)], base).base == base


@pytest.mark.parametrize(
    ("text", "value", "gap"),
    [
        ("flops<10%", 1050, 0),
        ("flops<10%", 1200, 10),
        ("flops<=800", 900, 10),
        ("flops>0%", 900, 10),
    ],
)
def test_the_gap_is_how_far_a_value_is_on_the_wrong_side(text, value, gap):
    assert Constraint.parse(text).gap(value, 1000.0) == pytest.approx(gap)
    assert Constraint.parse(text).gap(float("nan"), 1000.0) == float("inf")


def test_zero_percent_is_no_target_but_a_bound_of_zero_is():
    base = {"score": 0.5, "flops": 3.0}
    assert Constraint.parse("flops<0%").is_zero
    assert not any(Constraint.parse(text).is_zero for text in ("flops<0", "flops<1%", "flops<1"))
    worse = {"score": 0.5, "flops": 3.0}
    assert Limits([Constraint.parse("flops<0%")], base).refusal(worse) == "not flops<0%"
    below = {"score": -0.5, "flops": 3.0}
    on_the_way = Limits([Constraint.parse("score>0")], below)
    assert on_the_way.refusal({"score": -0.4, "flops": 3.0}) == ""


@pytest.mark.parametrize(
    ("relation", "at_the_bound", "above"),
    [("<=", True, False), ("<", False, False), (">=", True, True), (">", False, True)],
)
def test_relations_mean_what_they_say(relation, at_the_bound, above):
    one = Constraint("flops", relation, 10.0, percent=True)
    assert one.holds(110, 100) is one.permits(10.0) is at_the_bound
    assert one.holds(120, 100) is one.permits(20.0) is above
