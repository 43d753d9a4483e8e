"""Rewriting of imported steps: what does nothing goes, what exporters took apart is put together.

The rules are tried step by step in order; a rule that fits changes the step in place or names the
value that its output equals. What is no longer read is removed.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from numpy.typing import NDArray

from archloom.io.importing.rules import RULES
from archloom.io.importing.steps import Step, Value
from archloom.io.importing.values import Values


class Rewriter:
    """Applies the rules to ``values`` until none fits; ``steps`` and ``outputs`` are the result."""

    def __init__(self, values: Values, outputs: tuple[str, ...]) -> None:
        self.values = values
        self.outputs = list(outputs)
        self.steps = self._alive(values.steps)
        while self._changes():
            self.steps = self._alive(self.steps)

    def _changes(self) -> bool:
        """Apply the rules to every step once; return whether anything changed."""
        self.producer: dict[str, Step] = {}
        self._readers = Counter(name for step in self.steps for name in set(step.inputs))
        self._readers += Counter(self.outputs)
        same: dict[str, str] = {}
        kept, changed = [], False
        for step in self.steps:
            step.inputs = [same.get(name, name) for name in step.inputs]
            before = step.op_type, list(step.inputs)
            equal = self._rewritten(step)
            changed |= equal is not None or before != (step.op_type, step.inputs)
            if equal is not None:
                same[step.outputs[0]] = equal
                self._readers[equal] += self._readers[step.outputs[0]] - 1
                continue
            kept.append(step)
            self.producer.update((name, step) for name in step.outputs if name)
        self.outputs = [same.get(name, name) for name in self.outputs]
        self.steps = kept
        return changed

    def value(self, name: str) -> Value:
        """Return what is known of a value."""
        return self.values.of[name]

    def reads(self, name: str) -> bool:
        """Return whether anything reads the value."""
        return self._readers[name] > 0

    def is_read_once(self, name: str) -> bool:
        """Return whether a single step reads the value."""
        return self._readers[name] == 1

    def made_by(self, name: str, *op_types: str) -> Step | None:
        """Return the step that computes ``name`` for its one reader if it is of ``op_types``."""
        step = self.producer.get(name)
        fits = step is not None and step.op_type in op_types and not step.domain
        return step if fits and self.is_read_once(name) else None

    def number(self, name: str) -> float | None:
        """Return the constant scalar (of any rank) that ``name`` is, None where it is none."""
        one = self.value(name) if name else None
        if one is None or not one.is_constant or one.type.size != 1:
            return None
        assert one.data is not None
        return float(one.data.item())

    def tensor(self, name: str) -> NDArray[Any] | None:
        """Return the constant tensor that ``name`` is, None where it is none."""
        one = self.value(name) if name else None
        return one.data if one is not None and one.is_constant else None

    def with_number(self, step: Step | None, wanted: float) -> str | None:
        """Return the operand of a sum or product of two whose other operand is ``wanted``."""
        if step is not None and len(step.inputs) == 2:
            for name, other in (step.inputs, reversed(step.inputs)):
                found = self.number(other)
                if found is not None and math.isclose(found, wanted, rel_tol=1e-4):
                    return name
        return None

    def _rewritten(self, step: Step) -> str | None:
        if step.domain:
            return None
        op_type = step.op_type
        for rule in RULES.get(op_type, ()):
            equal = rule(self, step)
            if equal is not None or step.op_type != op_type:
                return equal
        return None

    def _alive(self, steps: list[Step]) -> list[Step]:
        """Return the steps that an output needs."""
        wanted, kept = set(self.outputs), []
        for step in reversed(steps):
            if not wanted.isdisjoint(step.outputs):
                kept.append(step)
                wanted.update(n for n in step.inputs if n and not self.value(n).is_constant)
        return kept[::-1]
