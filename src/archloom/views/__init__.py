"""archloom.views."""
