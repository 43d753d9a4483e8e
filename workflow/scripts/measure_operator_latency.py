"""Measure every operator that the networks of a family can have, on this machine."""

from archloom.search.units.label_models import measure_operators
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        measure_operators(run.wildcards["family"]).write(run.output["latency"])
