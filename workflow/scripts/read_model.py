"""Read the graph that a search starts from: a file, or an architecture string of a family."""

from archloom.graph import infer_shapes
from archloom.io import read_graph
from archloom.io.files import write_text
from archloom.io.native import to_native_text
from archloom.spaces import FAMILIES
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        model = run.settings["model"]
        if run.inputs["files"]:
            graph = read_graph(run.input("files"))
        else:
            family, options = FAMILIES[model["family"]], model["options"]
            skeleton = {"full": family.FULL, "reduced": family.REDUCED}[options["skeleton"]]
            graph = family.build(model["source"], skeleton, options["variant"])
        if model["input"]:
            graph = infer_shapes(graph, tuple(model["input"]))
        scale = graph.name.split("@")[1:]  # such as "reduced"
        graph = graph.replace(name="@".join([run.wildcards["model"], *scale]))
        write_text(run.output["graph"], to_native_text(graph))
