"""archloom.segments."""
