"""Hold out whole isomorphism classes of a family."""

from archloom.data.splits import split_graphs
from archloom.io.store import GraphStore
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        graphs = list(GraphStore(run.input("graphs")))
        split = split_graphs(graphs, **run.settings, seed=run.seed)
        split.save(run.output["split"])
