"""The kind ``blocks`` (AutoBuild): metrics of networks made of blocks, and what units are worth."""
