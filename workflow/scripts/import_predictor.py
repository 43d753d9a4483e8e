"""Take over finished weights as they are."""

from archloom.predict import load_predictor
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        load_predictor(run.input("weights")).save(run.output["weights"])
