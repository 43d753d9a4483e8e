"""Put the accuracies and weights of all jobs of a front together."""

from archloom.files import link_or_copy, read_json
from archloom.io.native import from_native
from archloom.io.store import GraphStore
from archloom.train.measurement import merge_measurements, write_measurement
from archloom.workflow import job
from archloom.workflow.content import files_in

if __name__ == "__main__":
    with job() as run:
        graph = from_native(read_json(run.input("graph")))
        members = GraphStore(run.input("front")).hashes()[: run.settings["members"]]
        hashes = [graph.hash, *members]
        result = merge_measurements(hashes, run.inputs["labels"], run.inputs["summaries"])
        run.output["weights"].mkdir()
        for folder in run.inputs["weights"]:
            for path in files_in(folder):
                link_or_copy(path, run.output["weights"] / path.name)
        write_measurement(result, len(hashes), run.output["labels"], run.output["summary"])
