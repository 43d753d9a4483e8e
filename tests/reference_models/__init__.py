"""Plain PyTorch networks of the families, written from the papers and without archloom graphs."""
