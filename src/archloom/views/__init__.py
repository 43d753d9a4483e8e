"""What predictors see of a graph: node features and labels, instances, blocks and units, operators.

A view turns graphs or architecture strings into arrays, with NumPy alone, and learns nothing. Must
not import a predictor, PyTorch, or a file format: views of one graph are the same for everyone.
"""
