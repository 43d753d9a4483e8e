"""Image datasets, label tables, splits, and retrieval of external files with checksums."""
