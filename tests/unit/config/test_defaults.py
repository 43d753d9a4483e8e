"""Every default of a section is that of the class of the library that it goes to."""

from dataclasses import MISSING, fields

import pytest

from archloom.config import autobuild, autogo, labels, predictor
from archloom.predict.blocks.task import BlockTraining
from archloom.predict.training import TrainingSettings
from archloom.search.graphs.settings import SearchSettings
from archloom.search.units.search import UnitSearchSettings
from archloom.train.recipe import Recipe

PAIRS = [
    (predictor.PredictorTraining, TrainingSettings, ""),
    (autogo.Search, SearchSettings, "segment_ranking jobs n_jobs"),
    (labels.Recipe, Recipe, "short"),
    (autobuild.UnitSearch, UnitSearchSettings, ""),
    (
        autobuild.Autobuild,
        BlockTraining,
        "table networks device latency_table targets seeds contexts top_k searches search",
    ),
]
"""A section, the class that takes its values, and the settings that are for others."""


def defaults_of(library_class):
    found = {one.name: one.default for one in fields(library_class)}
    assert MISSING not in found.values()
    return found


@pytest.mark.parametrize(("section", "library_class", "for_others"), PAIRS)
def test_a_default_is_the_same_wherever_it_stands(section, library_class, for_others):
    of_library = defaults_of(library_class)
    shared = section().model_dump(exclude=set(for_others.split()))
    assert shared and shared.keys() <= of_library.keys()
    for name, value in shared.items():
        if value is None and section is labels.Recipe:
            continue  # as the recipe of the images says
        expected = of_library[name]
        assert (tuple(value) if isinstance(value, list) else value) == expected, name
