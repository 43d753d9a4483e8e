"""Read the graph that a search starts from: a file, or an architecture string of a family.

The folder of its weights stays empty where the source holds none.
"""

from archloom.files import write_text
from archloom.graph import infer_shapes
from archloom.io import read_network
from archloom.io.native import to_native_text
from archloom.io.weights import write_weights
from archloom.spaces import FAMILIES
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        row = run.settings["model"]
        size, weights = row["input"], None
        if run.inputs["files"]:
            shape = (1, size[2], *size[:2]) if size else None
            graph, weights, _ = read_network(run.input("files"), input_shape=shape)
        else:
            family, options = FAMILIES[row["family"]], row["options"]
            skeleton = {"full": family.FULL, "reduced": family.REDUCED}[options["skeleton"]]
            graph = family.build(row["source"], skeleton, options["variant"])
            graph = infer_shapes(graph, tuple(size)) if size else graph
        scale = graph.name.split("@")[1:]  # such as "reduced"
        graph = graph.replace(name="@".join([run.wildcards["model"], *scale]))
        run.output["weights"].mkdir()
        if weights is not None:
            write_weights(run.output["weights"] / "model.safetensors", weights, graph)
        write_text(run.output["graph"], to_native_text(graph))
