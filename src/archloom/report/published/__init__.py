"""Tables of a paper beside ours: published figures, our own, and how they were made."""
