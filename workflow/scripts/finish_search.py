"""Read the front of a search in steps."""

from archloom.io.files import read_json
from archloom.io.native import from_native
from archloom.search.optimise import Artefacts
from archloom.search.record import save_search
from archloom.search.settings import SearchSettings
from archloom.search.steps import Steps
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        files = map(run.input, ("vocabulary", "segments", "weights"))
        artefacts = Artefacts.of_files(*files, *run.inputs["ranking"])
        graph = from_native(read_json(run.input("graph")))
        mutator = artefacts.mutator(SearchSettings(**run.settings))
        found = Steps(graph, mutator, run.seed, run.inputs["earlier"]).result()
        result = found.located(artefacts.predictor)
        save_search(result, run.output["front"], run.output["visited"], run.output["stats"])
