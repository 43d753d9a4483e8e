"""Result folders: tables, figures, verdicts, networks to take away and the self-contained page.

``page``, ``style`` and ``networks`` are for all; each system has a folder of its own, and none of
these imports another. A report reads what runs left and computes no result of its own. Must not
import ``archloom.cli`` or ``archloom.workflow``, and nothing below may import a report.
"""
