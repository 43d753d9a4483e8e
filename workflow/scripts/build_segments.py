"""Cut graphs into segments and store the distinct ones."""

import json
from itertools import chain

from archloom.files import read_json, write_text
from archloom.io.reference.cg_json import from_cg_json
from archloom.io.store import GraphStore
from archloom.segments.database import build_database
from archloom.segments.statistics import statistics
from archloom.segments.tables import write_database
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        graphs = chain.from_iterable(GraphStore(path) for path in run.inputs["graphs"])
        shipped = (from_cg_json(read_json(path)) for path in run.inputs["shipped"])
        tokeniser = Tokeniser(Vocabulary.load(run.input("vocabulary")))
        database = build_database(chain(shipped, graphs), tokeniser)
        folder = run.output["segments"]
        write_database(database, folder)
        write_text(folder / "statistics.json", json.dumps(statistics(database), indent=1))
