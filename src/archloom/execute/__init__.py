"""A graph as a PyTorch module: what importers, training, latency and hypernetworks run on.

It knows graphs only: it must not import ``io``, ``spaces`` or ``drawing``.
"""
