"""Put the parts of a family's index together."""

from archloom.io.store import GraphStore
from archloom.segments.psc_index import merge_psc_indexes
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        graphs = GraphStore(run.input("graphs")).hashes()
        merge_psc_indexes(run.inputs["parts"], graphs, run.output["index"])
