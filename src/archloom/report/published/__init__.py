"""Tables of a paper beside ours: published figures, our own, and how they were made.

Tables of all systems go through it: it must not import ``report.autogo`` or ``report.autobuild``.
"""
