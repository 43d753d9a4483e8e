"""P/S/C instances of a segmented graph as ranges of its node order (AutoGO spec 4.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def group_instances(starts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return ``(i, 2)`` start and end of the instances of a graph with these group starts.

    starts : first position of each group, then n

    One instance per group. P takes the first node of the first group and C the last node of the
    last one, so that none of P, S, C is empty; where S would be, the instance is left out.
    """
    bounds = np.asarray(starts, dtype=np.int64)
    rows = np.stack([bounds[:-1], bounds[1:]], axis=1)
    rows[0, 0] += 1
    rows[-1, 1] -= 1
    return rows[rows[:, 0] < rows[:, 1]]
