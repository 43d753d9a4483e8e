"""Names of jobs, durations, sizes and rates as people read them."""

from __future__ import annotations

from collections.abc import Mapping

UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
"""Units of time and their seconds."""


def job_name(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return the name of a job: its rule and the values of its wildcards."""
    return " ".join([rule, *wildcards.values()])


def duration(seconds: float) -> str:
    """Return seconds in words of at most two units: 0.4 s, 48 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    rest = round(seconds)
    largest = next(index for index, (_, length) in enumerate(UNITS) if rest >= length)
    parts = []
    for name, length in UNITS[largest : largest + 2]:
        number, rest = divmod(rest, length)
        parts += [f"{number} {name}"] if number else []
    return " ".join(parts)


def size(number: float) -> str:
    """Return bytes in words: 512 B, 1.5 kB, 230 MB, 4.1 GB."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} GB" if number < 1000 else f"{number / 1000:.3g} TB"


def pace(per_second: float) -> str:
    """Return a rate in words, per second, minute or hour."""
    for factor, unit in ((1, "s"), (60, "min")):
        if per_second * factor >= 1:
            return f"{per_second * factor:.3g} per {unit}"
    return f"{per_second * 3600:.3g} per h"
