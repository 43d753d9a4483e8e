"""Graphs, families, files and importers."""
