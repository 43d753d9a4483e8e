"""Shape propagation: sizes of a replaced segment as an integer program."""
