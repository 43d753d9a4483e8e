"""The result folder of an AutoGO run.

It must not import ``report.autobuild``: what both need lies in ``report``.
"""
