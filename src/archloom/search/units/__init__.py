"""AutoBuild's search: networks of the best-ranked units of their stages."""
