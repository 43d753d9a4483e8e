"""AutoGO: segments, predictors, search, report."""
