"""Take over finished weights as they are, with the range that their families' graphs span."""

from itertools import chain

from archloom.io.store import GraphStore
from archloom.predict import GNN, PSC, load_predictor
from archloom.predict.range import TrainingRange
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        predictor = load_predictor(run.input("weights"), kinds=(GNN, PSC))
        if predictor.card.range is None:
            graphs = list(chain.from_iterable(GraphStore(path) for path in run.inputs["graphs"]))
            names = ", ".join(run.settings["families"])
            predictor.note(
                range=TrainingRange.of(graphs),
                range_of=f"{len(graphs)} graphs of {names}, generated here; those that it was "
                "trained on are not available",
            )
        predictor.save(run.output["weights"])
