"""Put the labels of all jobs of a family together and count what is missing."""

from archloom.io.store import GraphStore
from archloom.train.measurement import merge_measurements, write_measurement
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        graphs = GraphStore(run.input("graphs")).hashes()
        result = merge_measurements(graphs, run.inputs["labels"], run.inputs["summaries"])
        write_measurement(result, len(graphs), run.output["labels"], run.output["summary"])
