"""Set the tables of a paper beside our figures."""

from archloom.report.published.ours import Sources
from archloom.report.published.tables import write_tables
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        sources = Sources(
            graphs={path.stem: path for path in run.inputs["graphs"]},
            records={path.stem: path for path in run.inputs["records"]},
            latency=next(iter(run.inputs["latency"]), None),
            instances=next(iter(run.inputs["instances"]), None),
        )
        write_tables(run.input("published"), sources, run.output["tables"])
