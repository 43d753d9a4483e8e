"""A graph as a PyTorch module: what importers, training, latency and hypernetworks run on.

It knows graphs only: no file format, no importer, no predictor.
"""

NORM_EPSILON = 1e-3
NORM_MOMENTUM = 0.01
"""Share of the new batch in the running statistics; TensorFlow calls 1 minus this value the
momentum (0.99).
"""
