"""archloom.train."""
