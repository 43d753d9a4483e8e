"""From operation lists to graphs: what all importers share."""
