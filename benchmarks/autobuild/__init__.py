"""AutoBuild: predictors, rankings of units, search, workflow."""
