"""Assemble the folder of one result of AutoBuild: report, summary, tables, figures, networks."""

from archloom.report.autobuild.folder import write_autobuild_report
from archloom.report.autobuild.record import AutobuildFiles
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        files = AutobuildFiles(
            networks=run.input("networks"),
            targets=run.inputs["ranked"],
            spaces=run.inputs["spaces"],
            visited=run.input("visited"),
        )
        write_autobuild_report(
            files, run.settings["config"], run.wildcards["family"], run.output["report"]
        )
