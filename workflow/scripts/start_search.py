"""Rate the graph that a search starts from."""

from archloom.io.files import read_json
from archloom.io.native import from_native
from archloom.search.optimise import Artefacts
from archloom.search.settings import SearchSettings
from archloom.search.steps import Steps
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        files = map(run.input, ("vocabulary", "segments", "weights"))
        artefacts = Artefacts.of_files(*files, *run.inputs["ranking"])
        graph = from_native(read_json(run.input("graph")))
        mutator = artefacts.mutator(SearchSettings(**run.settings))
        Steps(graph, mutator, run.seed).begin(run.output["iteration"])
