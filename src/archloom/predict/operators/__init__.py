"""The kind ``operators`` (AutoBuild): metrics from a graph's operators, and their importance."""
