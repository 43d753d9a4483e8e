"""What the parts of ``bench_autobuild_labels`` share: the regression that stands beside AutoBuild's
predictor, and figures over seeds.

The regression is additive: every block at its place has an effect, input sizes have one each; a
unit's score is the sum of its blocks' effects.
"""

import statistics

import numpy as np

from archloom.spaces import FAMILIES
from archloom.views.sequence import sequence_graphs
from archloom.views.units import all_units
from benchmarks.recording import at_scale

SEEDS = at_scale((0, 1, 2), (0, 1))
EPOCHS = at_scale(200, 1)
RIDGE = 1e-3


class Additive:
    """Least squares on blocks by place, and on input sizes."""

    def __init__(self, labels):
        self.family = FAMILIES[labels.family]
        self.sizes = sorted(set(labels.resolution.tolist()))
        rows = self.design(labels)
        penalty = RIDGE * np.eye(rows.shape[1])
        penalty[-1, -1] = 0
        self.mean = labels.values.mean()
        target = rows.T @ (labels.values - self.mean)
        self.effects = np.linalg.solve(rows.T @ rows + penalty, target)

    @staticmethod
    def columns(codes):
        """Return the column of each node's block at its place."""
        return ((codes[:, 0] * 4 + codes[:, 1]) * 3 + codes[:, 3]) * 3 + codes[:, 4]

    def design(self, labels):
        """Return one row of ones and zeros per network."""
        graphs = sequence_graphs(self.family, labels.architectures)
        rows = np.zeros((len(graphs), 6 * 4 * 9))
        graph = np.repeat(np.arange(len(graphs)), np.diff(graphs.ptr))
        rows[graph, self.columns(graphs.codes)] = 1
        sizes = labels.resolution[:, None] == np.array(self.sizes)
        return np.column_stack([rows, sizes, np.ones(len(rows))])

    def predict(self, labels):
        """Return the predicted values."""
        return self.design(labels) @ self.effects + self.mean

    def score_units(self):
        """Return the sum of the effects of every unit's blocks."""
        units = all_units(self.family)
        forest = units.forest
        own = self.effects[self.columns(forest.codes)]
        total, up = own.copy(), forest.parent
        while (up >= 0).any():
            total += np.where(up >= 0, own[np.maximum(up, 0)], 0)
            up = np.where(up >= 0, forest.parent[np.maximum(up, 0)], -1)
        return total[units.node]


def over_seeds(runs):
    """Return mean and standard deviation of every number of alike results."""
    first = runs[0]
    if isinstance(first, dict):
        return {key: over_seeds([run[key] for run in runs]) for key in first}
    if isinstance(first, list):
        return [over_seeds(list(some)) for some in zip(*runs, strict=True)]
    values = np.array(runs, dtype=float)
    return {"mean": values.mean(), "std": values.std(ddof=1)}


def number_of(value: dict | float) -> float:
    """Return a figure, or its mean over seeds."""
    return value["mean"] if isinstance(value, dict) else value


def mean_of(values: list) -> float:
    """Return the mean of figures or of their means over seeds."""
    return statistics.mean(map(number_of, values))
