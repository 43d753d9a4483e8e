"""AutoGO's search: evolution of one compute graph by replaced segments or operators."""
