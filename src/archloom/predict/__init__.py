"""archloom.predict."""
