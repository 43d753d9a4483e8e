"""archloom.report."""
