"""Targets as expressions over metrics, such as ``100**acc / log10(latency_gpu)`` (AutoBuild spec
1.5).

Arithmetic (+ - * / **), comparisons (1 where true, else 0), parentheses, the names of metrics and
the functions below, with or without ``np.`` before them. Nothing else can be written, so that an
expression cannot do more than compute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archloom.errors import ConfigError

Values = NDArray[np.float64]
_Step = Callable[[Mapping[str, Values]], Any]

FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int]] = {
    "log": (np.log, 1),
    "log2": (np.log2, 1),
    "log10": (np.log10, 1),
    "exp": (np.exp, 1),
    "sqrt": (np.sqrt, 1),
    "abs": (np.abs, 1),
    "power": (np.power, 2),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
    "clip": (np.clip, 3),
}
"""Functions and how many arguments they take: min and max of two, clip(x, low, high)."""

_SUM = {"+": np.add, "-": np.subtract}
_PRODUCT = {"*": np.multiply, "/": np.divide}
_COMPARISON = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>(?:np\.)?[A-Za-z_]\w*)"
    r"|(?P<mark>\*\*|[<>=!]=|[-+*/<>(),])|(?P<end>$))"
)
_DEEPEST = 40


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its text, the metrics that it names, and how to compute it."""

    text: str
    metrics: tuple[str, ...]
    _compute: _Step

    def __call__(self, columns: Mapping[str, Values]) -> Values:
        """Return its value in every row of the columns, NaN or infinite where it has none."""
        with np.errstate(all="ignore"):
            return np.asarray(self._compute(columns), dtype=np.float64)


def parse(text: str, metrics: Collection[str]) -> Expression:
    """Parse an expression over these metrics.

    Raises ``ConfigError``, which names the character, where ``text`` is no expression, names
    something unknown or no metric at all.
    """
    parser = _Parser(text, metrics)
    compute = parser.comparison()
    parser.expect("end", "")
    if not parser.used:
        raise ConfigError(
            f"target {text!r} names no metric, so that all networks are alike: use one of "
            f"{', '.join(metrics)}."
        )
    return Expression(text, tuple(parser.used), compute)


class _Parser:
    """Recursive descent, one method per level of precedence."""

    def __init__(self, text: str, metrics: Collection[str]) -> None:
        self.text, self.metrics = text, metrics
        self.used: dict[str, None] = {}
        self.depth = 0
        self.at = 0
        self.token = self._read()

    def comparison(self) -> _Step:
        left = self._chain(self._product, _SUM)
        if self.token.text in _COMPARISON:
            operation = _COMPARISON[self._advance().text]
            return _apply(operation, left, self._chain(self._product, _SUM))
        return left

    def expect(self, kind: str, text: str) -> None:
        """Go past a token of this kind and text; an error where there is another."""
        if (self.token.kind, self.token.text) != (kind, text):
            wanted = text or "an operator or the end"
            raise self._error(self.token, f"{wanted} is wanted here")
        self._advance()

    def _product(self) -> _Step:
        return self._chain(self._unary, _PRODUCT)

    def _chain(self, part: Callable[[], _Step], marks: Mapping[str, Callable[..., Any]]) -> _Step:
        """Parse ``part`` (mark ``part``)*, grouped from the left."""
        left = part()
        while self.token.text in marks:
            left = _apply(marks[self._advance().text], left, part())
        return left

    def _unary(self) -> _Step:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error(self.token, f"more than {_DEEPEST} levels are nested")
        if self.token.text in _SUM:
            sign = self._advance().text
            step = self._unary()
            step = _apply(np.negative, step) if sign == "-" else step
        else:
            step = self._atom()
            if self.token.text == "**":
                self._advance()
                step = _apply(np.power, step, self._unary())
        self.depth -= 1
        return step

    def _atom(self) -> _Step:
        token = self._advance()
        if token.kind == "number":
            number = float(token.text)
            return lambda _: number
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            step = self.comparison()
            self.expect("mark", ")")
            return step
        raise self._error(token, "a number, a metric, a function or ( is wanted here")

    def _named(self, token: _Token) -> _Step:
        name = token.text.removeprefix("np.")
        if self.token.text == "(" and name in FUNCTIONS:
            return self._call(token, name)
        if token.text in self.metrics:
            self.used[name] = None
            return lambda columns: columns[name]
        known = [*self.metrics, *(f"{function}()" for function in FUNCTIONS)]
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(known)}"
        raise self._error(token, f"there is no such metric or function; {hint}")

    def _call(self, token: _Token, name: str) -> _Step:
        function, n_arguments = FUNCTIONS[name]
        self.expect("mark", "(")
        arguments = [self.comparison()]
        while self.token.text == ",":
            self._advance()
            arguments.append(self.comparison())
        self.expect("mark", ")")
        if len(arguments) != n_arguments:
            raise self._error(token, f"it takes {n_arguments} arguments, not {len(arguments)}")
        return _apply(function, *arguments)

    def _advance(self) -> _Token:
        """Return the current token and read the next one."""
        token = self.token
        if token.kind != "end":
            self.token = self._read()
        return token

    def _read(self) -> _Token:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            place = self.at + len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
            token = _Token("", self.text[place], place)
            hint = "; a power is written **" if token.text == "^" else ""
            raise self._error(token, f"this character has no meaning{hint}")
        self.at = found.end()
        kind = found.lastgroup or ""
        return _Token(kind, found[kind], found.start(kind))

    def _error(self, token: _Token, words: str) -> ConfigError:
        where = f"({token.text!r})" if token.text else "(its end)"
        return ConfigError(f"target {self.text!r}, character {token.place + 1} {where}: {words}.")


def _apply(function: Callable[..., Any], *steps: _Step) -> _Step:
    """Return the step that applies a function to the results of others, as floats."""
    return lambda columns: function(*(np.float64(1) * step(columns) for step in steps))
