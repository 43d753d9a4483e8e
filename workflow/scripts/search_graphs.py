"""Evolve the input graph."""

from archloom.io import read
from archloom.predict import load_predictor
from archloom.search.evolution import SearchSettings, evolve
from archloom.segments.tables import read_database
from archloom.segments.vocabulary import Vocabulary
from archloom.workflow import job

with job() as run:
    result = evolve(
        read(run.input("graph")),
        load_predictor(run.input("weights")),
        read_database(run.input("segments")),
        Vocabulary.load(run.input("vocabulary")),
        SearchSettings(**run.settings),
        seed=run.seed,
        n_jobs=run.threads,
        resume=run.resume,
    )
    result.save(run.output["front"], run.output["visited"], run.output["stats"])
