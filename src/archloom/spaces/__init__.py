"""archloom.spaces."""
