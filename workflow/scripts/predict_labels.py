"""Give the graphs of a family the predictions of finished weights as pseudo-labels."""

from archloom.data.labels import pseudo_labels, write_labels
from archloom.io.store import GraphStore
from archloom.predict import load_predictor
from archloom.workflow import job

with job() as run:
    graphs = list(GraphStore(run.input("graphs")))
    scores = load_predictor(run.input("weights")).predict(graphs)
    labels = pseudo_labels(graphs, scores, run.settings["predictor"])
    write_labels(labels, run.output["labels"])
