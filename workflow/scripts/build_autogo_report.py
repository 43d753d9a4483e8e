"""Assemble the folder of one result: report, summary, tables, figures and winners."""

from archloom.report.autogo.folder import AutogoFiles, write_report
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        files = AutogoFiles(
            graph=run.input("graph"),
            vocabulary=run.input("vocabulary"),
            front=run.input("front"),
            visited=run.input("visited"),
            stats=run.input("stats"),
            card=run.input("card"),
            labels=run.inputs["labels"],
            weights=run.inputs["weights"],
            inherited=run.input("inherited"),
        )
        write_report(files, run.settings["config"], run.wildcards["model"], run.output["report"])
