"""Searches for better networks: AutoGO's of graphs, AutoBuild's of networks made of blocks.

Here stands what both share: the loop, its archive, constraints, fronts, figures with the words for
them, and goals. ``graphs`` evolves a graph, ``shapes`` fits segments into it, ``units`` combines
the best units of blocks; ``graphs`` and ``units`` do not know each other.

A search asks predictors and measurements what networks are worth. It must not import what shows
its results (``report``, ``cli``) or decides when it runs (``workflow``, ``config``), and it needs
neither pandas nor, before a predictor or a runtime is asked, PyTorch.
"""
