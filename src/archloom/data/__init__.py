"""Image datasets, label tables, splits, and retrieval of external files with checksums.

Tables and bytes, whatever they are used for: it must not import ``train`` or ``torch``.
"""
