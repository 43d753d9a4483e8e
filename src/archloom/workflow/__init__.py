"""What the workflow's thin scripts and rules share, and what looks after its files.

``job`` runs a rule's script, ``source_digest`` summarises the code that it depends on. The other
modules know the folders of a run: what was made, of what, and whether it is still intact. Formats
and science live elsewhere: it must not import ``graph``, ``predict`` or ``search``.
"""

from archloom.workflow.digest import source_digest
from archloom.workflow.job import Job, job

__all__ = ["Job", "job", "source_digest"]
