"""Target expressions: values against Python's own arithmetic, and errors at their character."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archloom.data.expression import FUNCTIONS, parse
from archloom.errors import ConfigError

COLUMNS = {"acc": np.array([0.7, 0.8]), "latency_gpu": np.array([5.0, 9.0])}
METRICS = tuple(COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "acc",
        "(acc*100)/latency_gpu",
        "np.power(100, acc)/(np.log10(latency_gpu+1)+1)",
        "-1*latency_gpu",
        "100**acc / np.log10(latency_gpu)",
        "np.sqrt(acc) - 0.25*np.sqrt(latency_gpu)",
        "-acc**2",
        "2**-acc**2",
        "acc - latency_gpu - 1 / 2 / acc",
        "np.clip(latency_gpu, 6, 8.5) * (acc >= .75)",
        "np.log2(np.exp(acc)) + np.abs(-3e-1)",
    ],
)
def test_an_expression_means_what_it_means_in_python(text):
    expression = parse(text, METRICS)
    wanted = eval(text, {"np": np, **COLUMNS})  # the literals above, not input
    np.testing.assert_allclose(expression(COLUMNS), wanted, rtol=1e-12)
    assert set(expression.metrics) == {name for name in METRICS if name in text}


def test_functions_are_known_without_a_prefix_and_min_and_max_take_two():
    expression = parse("max(min(acc, 0.75), log(latency_gpu))", METRICS)
    np.testing.assert_allclose(expression(COLUMNS), np.log([5.0, 9.0]))
    assert {"min", "max", "power", "clip"} <= set(FUNCTIONS)


@given(
    st.recursive(
        st.sampled_from(["acc", "latency_gpu", "2", "0.5"]),
        lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        max_leaves=8,
    )
)
def test_nested_arithmetic(text):
    with np.errstate(all="ignore"):
        wanted = np.broadcast_to(eval(f"{text} + 0*acc", {}, dict(COLUMNS)), 2)
    np.testing.assert_allclose(parse(f"{text} + 0*acc", METRICS)(COLUMNS), wanted)


@pytest.mark.parametrize(
    ("text", "character", "words"),
    [
        ("acc + latency_gp", 7, "did you mean latency_gpu"),
        ("acc ^ 2", 5, "written \\*\\*"),
        ("acc +", 6, "its end"),
        ("(acc", 5, "\\) is wanted"),
        ("acc acc", 5, "an operator or the end"),
        ("accumulate", 1, "no such metric"),
        ("__import__('os')", 1, "no such metric"),
        ("acc.real", 4, "no meaning"),
        ("power(acc)", 1, "takes 2 arguments"),
        ("log", 1, "did you mean log\\(\\)"),
        ("0 < acc < 1", 9, "an operator or the end"),
        ("", 1, "a number, a metric"),
        ("(" * 100 + "acc" + ")" * 100, 41, "nested"),
        ("-" * 5000 + "acc", 41, "nested"),
    ],
)
def test_errors_point_at_the_character(text, character, words):
    with pytest.raises(ConfigError, match=f"character {character} .*{words}"):
        parse(text, METRICS)


def test_a_target_must_name_a_metric():
    with pytest.raises(ConfigError, match="names no metric"):
        parse("1 + 2", METRICS)


def test_a_value_that_cannot_be_computed_is_not_finite():
    assert not np.isfinite(parse("1 / (acc - 0.7)", METRICS)(COLUMNS)[0])
    assert np.isnan(parse("log(acc - 0.75)", METRICS)(COLUMNS)[0])
