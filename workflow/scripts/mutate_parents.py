"""Mutate one job's share of the parents of an iteration."""

from archloom.search.graphs.settings import SearchSettings
from archloom.search.graphs.steps import Steps
from archloom.shards import Shard
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        settings = SearchSettings(**run.settings, iterations=int(run.wildcards["iteration"]))
        steps = Steps.of_files(run.inputs, settings, run.seed)
        share = Shard.parse(run.wildcards["shard"]).slice
        steps.mutate(share, run.output["outcomes"], run.threads)
