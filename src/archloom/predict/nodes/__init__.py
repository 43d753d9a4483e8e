"""Nodes that share an embedding: unions of graphs, classes, pooling; for every graph encoder.

All kinds may use it, so it must not import ``predict.kinds``, nor any kind.
"""
