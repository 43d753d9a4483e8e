"""archloom.io."""
