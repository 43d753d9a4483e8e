"""The kind ``psc``: predecessor, segment and successor of every instance.

It must not import ``predict.kinds``, nor another kind.
"""
