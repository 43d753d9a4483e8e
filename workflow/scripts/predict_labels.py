"""Give the graphs of a family the predictions of finished weights as pseudo-labels."""

from archloom.data.labels import write_labels
from archloom.data.sources import pseudo_labels
from archloom.io.store import GraphStore
from archloom.predict import GNN, PSC, load_predictor
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        graphs = list(GraphStore(run.input("graphs")))
        scores = load_predictor(run.input("weights"), kinds=(GNN, PSC)).predict(graphs)
        write_labels(pseudo_labels(graphs, scores, run.settings["predictor"]), run.output["labels"])
