"""The kind ``gnn``: a graph network over whole graphs."""
