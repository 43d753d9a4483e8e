"""Read the front of a search in steps."""

from archloom.search.graphs.record import save_search
from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.steps import Steps
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        steps = Steps.of_files(run.inputs, SearchSettings(**run.settings), run.seed)
        save_search(steps.result(), run.output["front"], run.output["visited"], run.output["stats"])
