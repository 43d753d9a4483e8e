"""Embeddings whose norms are ordered like the target (AutoBuild): soft ranks, and how kinds that
want such norms are trained.

It must not import ``predict.blocks`` or ``predict.operators``: these are the kinds.
"""
