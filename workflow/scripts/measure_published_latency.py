"""Measure the latency of the released graphs; those of one table run in the same rounds."""

import json

from archloom.files import write_text
from archloom.io import read_graph
from archloom.report.published.figures import latency_figures
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        paths = {path.stem: path for path in run.inputs["graphs"]}
        groups = [
            {name: read_graph(paths[name]) for name in group} for group in run.settings["groups"]
        ]
        figures = latency_figures(groups)
        write_text(run.output["latency"], json.dumps(figures, indent=1) + "\n")
