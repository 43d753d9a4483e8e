"""The kind ``psc``: predecessor, segment and successor of every instance."""
