"""The result folder of an AutoBuild run.

It must not import ``report.autogo``: what both need lies in ``report``.
"""
