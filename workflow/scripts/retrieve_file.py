"""Bring one file of an external dataset, with its bytes checked."""

from archloom.data.retrieve import may_download, retrieve
from archloom.workflow import job

if __name__ == "__main__":
    with job() as run:
        retrieve(
            run.wildcards["dataset"],
            run.wildcards["file"],
            run.output["file"],
            online=may_download(),
        )
