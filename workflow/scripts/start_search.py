"""Rate the graph that a search starts from."""

from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.steps import Steps
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        steps = Steps.of_files(run.inputs, SearchSettings(**run.settings), run.seed)
        steps.begin(run.output["iteration"])
