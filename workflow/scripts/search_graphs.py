"""Evolve the input graph."""

from archloom.io.store import GraphStore
from archloom.predict import load_predictor
from archloom.search.evolution import evolve
from archloom.search.mutation import Mutator
from archloom.search.record import save_search
from archloom.search.scoring import scoring_of
from archloom.search.settings import SearchSettings
from archloom.segments.tables import read_database
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.workflow import job

with job() as run:
    mutator = Mutator(
        read_database(run.input("segments")),
        Tokeniser(Vocabulary.load(run.input("vocabulary"))),
        scoring_of(load_predictor(run.input("weights"))),
        SearchSettings(**run.settings),
    )
    (graph,) = GraphStore(run.input("graph"))
    result = evolve(graph, mutator, seed=run.seed, folder=run.resume, n_jobs=run.threads)
    save_search(result, run.output["front"], run.output["visited"], run.output["stats"])
