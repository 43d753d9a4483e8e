"""Take the predictor that ranks the dev graphs best."""

from archloom.predict import GNN, PSC
from archloom.predict.selection import choose_predictor
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        choose_predictor(run.inputs["weights"], (GNN, PSC)).save(run.output["weights"])
