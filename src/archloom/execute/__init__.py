"""A graph as a PyTorch module: what importers, training, latency and hypernetworks run on.

It knows graphs only: no file format, no importer, no predictor.
"""
