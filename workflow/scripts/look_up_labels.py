"""Look up the published accuracies of NAS-Bench-201 graphs."""

from archloom.data.labels import benchmark_labels, write_labels
from archloom.io.store import GraphStore
from archloom.workflow import job

with job() as run:
    graphs = GraphStore(run.input("graphs"))
    labels = benchmark_labels(graphs, run.input("table"), run.settings["metric"])
    write_labels(labels, run.output["labels"])
