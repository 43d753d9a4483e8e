"""archloom: rank, improve, shrink and initialise neural networks through their compute graphs."""
