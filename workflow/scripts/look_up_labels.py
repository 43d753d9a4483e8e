"""Look up the published accuracies of NAS-Bench-201 graphs."""

from archloom.data.labels import write_labels
from archloom.data.sources import benchmark_labels
from archloom.io.store import GraphStore
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        graphs = GraphStore(run.input("graphs"))
        labels = benchmark_labels(graphs, run.input("table"), run.settings["metric"])
        write_labels(labels, run.output["labels"])
