"""Put the children of all jobs of an iteration together and take those that keep the limits."""

from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.steps import Steps
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings = SearchSettings(**run.settings, iterations=int(run.wildcards["iteration"]))
        steps = Steps.of_files(run.inputs, settings, run.seed)
        steps.close(run.inputs["outcomes"], run.output["iteration"])
