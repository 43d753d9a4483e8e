"""Limits of a search: conditions on the figures of a graph, absolute or relative to the input's.

As text: ``flops<10%`` (at most 10 % more than the input, exclusive), ``latency<=-15%``,
``params<=5e6``, ``score>0%``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite, isnan, nan

from archloom.errors import ConfigError

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_NAME = re.compile(r"\s*([A-Za-z_]\w*)\s*")
_RELATION = re.compile(r"(<=|>=|<|>)(?![<>=])\s*")
_NEVER_NEGATIVE = ("flops", "params", "activations", "latency")
_FAR = 1000  # a bound that many times smaller than the input's figure is hardly meant as one
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(%?)\s*")


@dataclass(frozen=True)
class Constraint:
    """``figure relation bound``; with ``percent`` the bound is a change relative to the input."""

    figure: str
    relation: str
    bound: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read the text form; raises ``ConfigError`` that points at the place."""
        name = _expect(_NAME, text, 0, "a figure, such as latency")
        relation = _expect(_RELATION, text, name.end(), "<=, <, >= or >")
        number = _expect(_NUMBER, text, relation.end(), "a number, or a percentage such as -15%")
        if number.end() != len(text):
            raise _fault(text, number.end(), "nothing more; one constraint has one relation")
        return cls(name[1], relation[1], float(number[1]), bool(number[2]))

    def holds(self, value: float, base: float) -> bool:
        """Whether ``value`` is permitted, the input having ``base``."""
        return self.permits(relative_change(value, base) if self.percent else value)

    def permits(self, found: float) -> bool:
        """Whether ``found`` is on the right side of the bound: a change in percent if ``percent``,
        else a value.
        """
        return _COMPARE[self.relation](found, self.bound)

    def gap(self, value: float, base: float) -> float:
        """Return how far ``value`` is on the wrong side of the bound, in percent of the input's
        figure ``base``; 0 where it is permitted, infinite for nan.
        """
        if self.holds(value, base):
            return 0.0
        bound = base + self.bound / 100 * abs(base) if self.percent else self.bound
        gap = abs(relative_change(value, base) - relative_change(bound, base))
        return inf if isnan(gap) else gap

    def ask_for_unit(self, base: float) -> None:
        """Raise ``ConfigError`` where a percentage must have been meant: ``flops<10`` of an input
        with millions.
        """
        negative = self.bound < 0 and self.figure in _NEVER_NEGATIVE
        far = abs(self.bound) * _FAR < (base if self.bound == 0 else abs(base))
        if self.percent or abs(self.bound) > 100 or not (negative or far):
            return
        raise ConfigError(
            f'constraint "{self}": the input\'s {self.figure} is {base:,.6g}. For a change against '
            f"the input write {self}%; a bound without % has the figure's own unit, such as "
            f"{self.figure}{self.relation}{base:.3g}."
        )

    @property
    def is_zero(self) -> bool:
        """Whether the bound is the input's own figure."""
        return self.percent and self.bound == 0

    def __str__(self) -> str:
        return f"{self.figure}{self.relation}{self.bound:.12g}{'%' if self.percent else ''}"


@dataclass(frozen=True)
class Limits:
    """Constraints together with the figures of the input.

    A constraint that the input does not fulfil is a target, which may take several steps to reach:
    on the way there a graph must not be worse than the input. Those with a bound of 0 % are no
    targets, they hold at every step.

    base : figures of the input; empty for a search without one, in which all constraints hold at
           every step and none is relative
    """

    constraints: Sequence[Constraint]
    base: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.constraints:
            if one.percent and one.figure not in self.base:
                raise ConfigError(
                    f'constraint "{one}": there is no input that {one.figure} could change '
                    f"against; write a bound without %, such as {one.figure}<=10."
                )
            if one.figure in self.base:
                one.ask_for_unit(self.base[one.figure])

    def refusal(self, values: Mapping[str, float]) -> str:
        """Return why nothing can come of a graph, "" if something can; constraints on figures that
        are not known yet are passed over.
        """
        for name, value in values.items():
            if not isfinite(value):
                return f"{name} not finite"
        for one in self._steps:
            if one.figure in values and not self._holds(one, values):
                return f"not {one}"
        return ""

    def reached(self, values: Mapping[str, float]) -> bool:
        """Whether a graph fulfils all constraints."""
        return all(self._holds(one, values) for one in self.constraints)

    def _holds(self, one: Constraint, values: Mapping[str, float]) -> bool:
        return one.holds(values[one.figure], self.base.get(one.figure, nan))

    @cached_property
    def _steps(self) -> list[Constraint]:
        """What must hold at every step: the constraints, targets replaced by "not worse"."""
        return [
            one
            if one.is_zero or one.figure not in self.base or self._holds(one, self.base)
            else Constraint(one.figure, f"{one.relation[0]}=", 0.0, percent=True)
            for one in self.constraints
        ]


def relative_change(value: float, base: float) -> float:
    """Return the change from ``base`` to ``value`` in percent of |base|; infinite from 0."""
    difference = value - base
    if base == 0:
        return 0.0 if difference == 0 else inf if difference > 0 else -inf
    return 100 * difference / abs(base)


def _expect(pattern: re.Pattern[str], text: str, start: int, wanted: str) -> re.Match[str]:
    found = pattern.match(text, start)
    if found is None:
        raise _fault(text, start, wanted)
    return found


def _fault(text: str, place: int, wanted: str) -> ConfigError:
    where = f'at "{text[place:]}"' if text[place:] else "at its end"
    return ConfigError(f'constraint "{text}", {where}: {wanted} is expected there.')
