"""Index the P/S/C instances of a family."""

from archloom.io.store import GraphStore
from archloom.segments.psc_index import write_psc_index
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        tokeniser = Tokeniser(Vocabulary.load(run.input("vocabulary")))
        write_psc_index(GraphStore(run.input("graphs")), tokeniser, run.output["index"])
