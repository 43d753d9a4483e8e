"""Nodes that share an embedding: unions of graphs, classes, pooling; for every graph encoder.

No kind of predictor may be imported here.
"""
