"""AutoBuild's search: networks of the best-ranked units of their stages.

It must not import ``search.graphs``: what both searches need lies in ``search``.
"""
