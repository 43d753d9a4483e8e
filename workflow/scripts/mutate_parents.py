"""Mutate one job's share of the parents of an iteration."""

from archloom.io.files import read_json
from archloom.io.native import from_native
from archloom.search.optimise import Artefacts
from archloom.search.settings import SearchSettings
from archloom.search.steps import Steps
from archloom.workflow import job
from archloom.workflow.shards import Shard

if __name__ == "__main__":
    with job() as run:
        files = map(run.input, ("vocabulary", "segments", "weights"))
        artefacts = Artefacts.of_files(*files, *run.inputs["ranking"])
        graph = from_native(read_json(run.input("graph")))
        settings = SearchSettings(**run.settings, iterations=int(run.wildcards["iteration"]))
        steps = Steps(graph, artefacts.mutator(settings), run.seed, run.inputs["earlier"])
        share = Shard.parse(run.wildcards["shard"]).slice
        steps.mutate(share, run.output["outcomes"], run.threads)
