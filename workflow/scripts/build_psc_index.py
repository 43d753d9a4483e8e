"""Index the P/S/C instances of one job's share of a family."""

from archloom.io.store import GraphStore
from archloom.segments.psc_index import write_psc_index
from archloom.segments.tokeniser import Tokeniser
from archloom.segments.vocabulary import Vocabulary
from archloom.shards import Shard
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        tokeniser = Tokeniser(Vocabulary.load(run.input("vocabulary")))
        graphs = Shard.parse(run.wildcards["shard"]).share(GraphStore(run.input("graphs")))
        write_psc_index(graphs, tokeniser, run.output["index"])
