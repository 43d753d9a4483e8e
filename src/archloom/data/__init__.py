"""archloom.data."""
