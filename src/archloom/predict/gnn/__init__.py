"""The kind ``gnn``: a graph network over whole graphs.

Its ``network`` is the shell that other kinds build on. It must not import ``predict.kinds``, nor
another kind.
"""
