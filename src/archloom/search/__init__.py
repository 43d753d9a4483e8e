"""archloom.search."""
