"""Pictures of graphs: layout, colours, collapsed repetitions, changes of a search.

It knows graphs only: no file format and no PyTorch.
"""
