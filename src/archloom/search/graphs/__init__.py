"""AutoGO's search: evolution of one compute graph by replaced segments or operators.

It must not import ``search.units``: what both searches need lies in ``search``.
"""
